"""What we sign is verified by others, and only that: PyJWT and jwcrypto in Python, jose and noble in JavaScript.

Each client is registered for another algorithm; its tokens come from the running provider, its keys from `jwks_uri`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import jwt
import pytest
from jwcrypto.common import JWException
from jwcrypto.jwk import JWKSet
from jwcrypto.jws import JWS

from idp.http.limits import QUERY_BYTES
from idp.oidc.logout_token import logout_token_claims
from keys import policy
from keys.backends.software import SoftwareSigner
from keys.policy import Purpose
from tests.support.browsing import Browser
from tests.support.node_verifier import Answer, Case, verify_in_node
from tests.support.portals import Portal, register
from tests.support.provider import NOW, Provider

SIGNED_FOR_CLIENTS: Final = {
    "id_token": Purpose.ID_TOKEN,
    "access_token": Purpose.ACCESS_TOKEN,
    "userinfo": Purpose.USERINFO,
    "logout_token": Purpose.ID_TOKEN,  # whose keys sign it
}
KINDS: Final = [
    (alg, kind) for kind, purpose in SIGNED_FOR_CLIENTS.items() for alg in policy.SIGNING_KEYS[purpose]
]
ALGORITHMS: Final = policy.SIGNING_KEYS[Purpose.ID_TOKEN]
TYPES: Final = {"id_token": "JWT", "access_token": "at+jwt", "userinfo": "JWT", "logout_token": "logout+jwt"}


@dataclass(frozen=True, slots=True)
class World:
    """Tokens by algorithm and kind, and the published keys."""

    issuer: str
    tokens: dict[tuple[str, str], str]
    jwks: dict[str, Any]

    def case(self, alg: str, kind: str) -> Case:
        """A token as its portal looks at it."""
        audience = self.issuer if kind == "access_token" else _client_id(alg)
        return Case(self.tokens[alg, kind], self.jwks, alg, TYPES[kind], audience)


def _client_id(alg: str) -> str:
    return f"signed-{alg.lower()}"


def _metadata(alg: str) -> dict[str, Any]:
    metadata = {
        "client_id": _client_id(alg),
        "client_name": f"Cổng {alg}",
        "owner": "Cơ quan mẫu",
        "sector": "chu-ky",
        "profile": "oidc",
        "redirect_uris": ["https://signed.example/callback"],
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "openid profile",
        "purpose": "Giải quyết thủ tục",
        "legal_basis": "statutory_task",
        "legal_reference": "Luật 26/2023/QH15",
        "id_token_signed_response_alg": alg,
        "access_token_signed_response_alg": alg,
    }
    signed = alg in policy.SIGNING_KEYS[Purpose.USERINFO]
    return metadata | ({"userinfo_signed_response_alg": alg} if signed else {})


async def _given(service: Provider, browser: Browser, portal: Portal) -> dict[str, str]:
    asked, visit = await portal.send(browser)
    visit = await service.settle(visit)
    body = (await portal.redeem(asked, visit.code)).json()
    told = await portal.userinfo(body["access_token"])
    assert told.status_code == 200
    return {"id_token": body["id_token"], "access_token": body["access_token"], "userinfo": told.text}


@pytest.fixture(scope="module")
async def world(service: Provider, hoa: Browser) -> World:
    tokens = {}
    for alg in ALGORITHMS:
        registered, kept = register(_metadata(alg), NOW - 3_600)
        await service.db.write(kept)
        portal = Portal(registered, service.http(), service.settings.issuer, service.clock)
        for kind, token in (await _given(service, hoa, portal)).items():
            tokens[alg, kind] = token
        claims = logout_token_claims(
            issuer=service.settings.issuer,
            client_id=_client_id(alg),
            subject="s" * 43,
            session_id="sid",
            now=NOW,
        )
        tokens[alg, "logout_token"] = await service.keyring.issue(Purpose.LOGOUT, claims, alg)
    return World(service.settings.issuer, tokens, (await service.http().get("/jwks")).json())


def _part(token: str, index: int) -> dict[str, Any]:
    segment = token.split(".")[index]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return found


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(("alg", "kind"), KINDS)
def test_each_client_gets_what_it_registered(world: World, alg: str, kind: str) -> None:
    header = _part(world.tokens[alg, kind], 0)
    assert header.keys() == {"alg", "typ", "kid"}
    assert (header["alg"], header["typ"]) == (alg, TYPES[kind])
    [key] = [key for key in world.jwks["keys"] if key["kid"] == header["kid"]]
    assert (key["alg"], key["use"]) == (alg, "sig")


def test_even_the_longest_token_fits_into_an_address_and_into_what_is_looked_at(world: World) -> None:
    longest = max(len(token) for token in world.tokens.values())
    assert longest > 4_500  # one of ML-DSA-65
    assert (
        longest < QUERY_BYTES - 2_048
    )  # as `id_token_hint`, with an address to return to and a state beside it
    assert longest < policy.MAX_TOKEN_LENGTH


def test_keys_of_different_purposes_and_algorithms_differ(world: World) -> None:
    own = [(alg, kind) for alg, kind in KINDS if kind != "logout_token"]
    assert len({_part(world.tokens[alg, kind], 0)["kid"] for alg, kind in own}) == len(own)


@pytest.mark.parametrize(("alg", "kind"), [(alg, kind) for alg, kind in KINDS if alg != "ML-DSA-65"])
def test_pyjwt_verifies_it(world: World, alg: str, kind: str) -> None:
    case = world.case(alg, kind)
    key = jwt.PyJWKSet.from_dict(world.jwks)[_part(case.token, 0)["kid"]]
    options: Any = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(case.token, key, [alg], audience=case.audience, issuer=world.issuer, options=options)
    assert claims == _part(case.token, 1)
    for changed in CHANGES.values():
        with pytest.raises(jwt.PyJWTError):
            jwt.decode(
                changed(case).token, key, [alg], audience=case.audience, issuer=world.issuer, options=options
            )


@pytest.mark.parametrize(("alg", "kind"), KINDS)
def test_jwcrypto_verifies_it_with_the_whole_key_set(world: World, alg: str, kind: str) -> None:
    keys = JWKSet.from_json(json.dumps(world.jwks))
    token = world.tokens[alg, kind]
    assert json.loads(_read_by_jwcrypto(token, keys, alg)) == _part(token, 1)
    for changed in CHANGES.values():
        with pytest.raises((JWException, ValueError)):
            _read_by_jwcrypto(changed(world.case(alg, kind)).token, keys, alg)


def _read_by_jwcrypto(token: str, keys: JWKSet, alg: str) -> bytes:
    jws = JWS()
    jws.allowed_algs = [alg]
    jws.deserialize(token)
    jws.verify(keys.get_key(jws.jose_header["kid"]))
    return bytes(jws.payload)


def _with_claim(case: Case) -> Case:
    head, _, signature = case.token.split(".")
    return replace(case, token=f"{head}.{_segment(_part(case.token, 1) | {'sub': 'another'})}.{signature}")


def _with_signature(case: Case) -> Case:
    head, body, signature = case.token.split(".")
    return replace(case, token=f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}")


def _with_header(case: Case, **changes: str) -> Case:
    _, body, signature = case.token.split(".")
    return replace(case, token=f"{_segment(_part(case.token, 0) | changes)}.{body}.{signature}")


def _with_another_kid(case: Case) -> Case:
    own = _part(case.token, 0)["kid"]
    other = next(
        key["kid"] for key in case.jwks["keys"] if key["alg"] == case.algorithm and key["kid"] != own
    )
    return _with_header(case, kid=other)


def _unsigned(case: Case) -> Case:
    changed = _with_header(case, alg="none")
    return replace(changed, token=changed.token.rpartition(".")[0] + ".")


CHANGES: Final[dict[str, Callable[[Case], Case]]] = {
    "a claim changed": _with_claim,
    "the signature changed": _with_signature,
    "the type changed": lambda case: _with_header(case, typ="dpop+jwt"),
    "the key of another purpose named": _with_another_kid,
    "no signature": _unsigned,
}


def _keys_of_somebody_else(case: Case) -> Case:
    """The same `kid`, another key."""
    stranger = SoftwareSigner.generate(case.algorithm).public_jwk() | {"kid": _part(case.token, 0)["kid"]}
    return replace(case, jwks={"keys": [stranger]})


REFUSED: Final[dict[str, Callable[[Case], Case]]] = {
    **CHANGES,
    "another key under its name": _keys_of_somebody_else,
    "for another audience": lambda case: replace(case, audience="https://other.example"),
    "another type expected": lambda case: replace(case, type="dpop+jwt"),
}


@pytest.fixture(scope="module")
def in_node(world: World) -> dict[tuple[str, ...], Answer]:
    """All cases in one run of Node."""
    cases: dict[tuple[str, ...], Case] = {}
    for alg, kind in KINDS:
        cases[alg, kind] = case = world.case(alg, kind)
        cases |= {(alg, kind, name): change(case) for name, change in REFUSED.items()}
    return dict(zip(cases, verify_in_node(list(cases.values()), issuer=world.issuer, now=NOW), strict=True))


@pytest.mark.parametrize(("alg", "kind"), KINDS)
def test_javascript_verifies_it(
    world: World, in_node: dict[tuple[str, ...], Answer], alg: str, kind: str
) -> None:
    answer = in_node[alg, kind]
    assert answer.refused == ""
    assert answer.claims == _part(world.tokens[alg, kind], 1)
    assert answer.header == _part(world.tokens[alg, kind], 0)
    assert "noble" in answer.by if alg == "ML-DSA-65" else answer.by == ("jose",)
    assert answer.thumbprints == tuple(key["kid"] for key in world.jwks["keys"])


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize(("alg", "kind"), KINDS)
def test_javascript_refuses_what_we_did_not_sign(
    in_node: dict[tuple[str, ...], Answer], alg: str, kind: str, name: str
) -> None:
    answer = in_node[alg, kind, name]
    assert answer.claims is None
    assert answer.refused
