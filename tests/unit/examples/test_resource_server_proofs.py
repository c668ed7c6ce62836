"""DPoP proofs at an API (RFC 9449 §4.3, §7, §9): every way in which one does not do is a row."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from examples.resource_server import MemoryReplays, Unavailable
from examples.resource_server.proof import AHEAD_SECONDS, NONCE_SECONDS, OLD_SECONDS
from tests.support.dpop import DpopKey, token_hash
from tests.unit.examples.guarded import API, NOW, PUBLIC, Clock, Scene, blamed

PROOF = (401, "DPoP", "invalid_dpop_proof")
RSA = rsa.generate_private_key(65537, 2048)
SECRET = bytes(range(32))


@pytest.mark.parametrize(
    "key",
    [
        DpopKey(ec.generate_private_key(ec.SECP256R1())),
        DpopKey(RSA, "PS256"),
        DpopKey(ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
    ids=lambda key: key.algorithm,
)
async def test_proofs_of_every_algorithm(key: DpopKey) -> None:
    assert (await Scene(key=key).ask_well()).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iat": NOW - OLD_SECONDS},
        {"iat": NOW + AHEAD_SECONDS},
        {"iat": NOW + 0.5},
        {"nbf": NOW + 3600, "exp": NOW - 3600},
        {"something": "else"},
        {"nonce": "of another server"},
        {"htu": f"{API}/dossiers/1?with=query#fragment"},
        {"htu": "HTTPS://API.EXAMPLE.VN:443/dossiers/1"},
        {"htu": f"{API}/dossiers/%31"},
        {"jti": "x" * 255},
    ],
    ids=str,
)
async def test_what_is_no_reason_to_refuse(changes: dict[str, Any]) -> None:
    scene = Scene()
    token = scene.token()
    assert (await scene.ask_with(token, scene.proof(token, **changes))).status_code == 200


@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP"])
async def test_the_scheme_in_any_letters(scheme: str) -> None:
    scene = Scene()
    token = scene.token()
    assert (await scene.ask_with(token, scene.proof(token), scheme=scheme)).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        *({name: None} for name in ("jti", "htm", "htu", "iat", "ath")),
        {"htm": "POST"},
        {"htm": "get"},
        {"htm": ["GET"]},
        {"htu": f"{API}/dossiers/2"},
        {"htu": f"{API}/dossiers/1/"},
        {"htu": f"{API}/dossiers%2F1"},
        {"htu": "http://api.example.vn/dossiers/1"},
        {"htu": "http://inside/dossiers/1"},
        {"htu": "https://api.example.vn:8443/dossiers/1"},
        {"htu": "https://api.example.vn@evil.example/dossiers/1"},
        {"htu": "https://somebody@api.example.vn/dossiers/1"},
        {"htu": "https://evil.example/dossiers/1"},
        {"htu": "/dossiers/1"},
        {"htu": "https://[::1/dossiers/1"},
        {"htu": f"{API}:x/dossiers/1"},
        {"htu": [f"{API}/dossiers/1"]},
        {"iat": NOW - OLD_SECONDS - 1},
        {"iat": NOW + AHEAD_SECONDS + 1},
        {"iat": NOW - 3600},
        {"iat": NOW + 3600},
        {"iat": str(NOW)},
        {"iat": True},
        {"iat": float("nan")},
        {"iat": 10**400},
        {"ath": token_hash("another token")},
        {"ath": ""},
        {"ath": 7},
        {"jti": ""},
        {"jti": 7},
        {"jti": "x" * 256},
    ],
    ids=str,
)
async def test_claims_that_do_not_do(changes: dict[str, Any]) -> None:
    scene = Scene()
    token = scene.token()
    left_out = {name for name, value in changes.items() if value is None}
    good = jwt.decode(scene.proof(token), options={"verify_signature": False})
    proof = scene.key.sign({name: value for name, value in (good | changes).items() if name not in left_out})
    assert blamed(await scene.ask_with(token, proof)) == PROOF


def _signed_by(other: DpopKey) -> Callable[[Scene, dict[str, Any]], str]:
    """Signed by another key than the one it shows."""
    return lambda scene, claims: other.sign(claims, jwk=scene.key.jwk)


def _with(**header: Any) -> Callable[[Scene, dict[str, Any]], str]:
    return lambda scene, claims: scene.key.sign(claims, **header)


def _with_jwk(**members: Any) -> Callable[[Scene, dict[str, Any]], str]:
    def spoil(scene: Scene, claims: dict[str, Any]) -> str:
        jwk = {name: value for name, value in (scene.key.jwk | members).items() if value is not None}
        return scene.key.sign(claims, jwk=jwk)

    return spoil


def _private(scene: Scene, claims: dict[str, Any]) -> str:
    jwk = jwt.get_algorithm_by_name("ES256").to_jwk(scene.key.private_key, as_dict=True)
    return scene.key.sign(claims, jwk=jwk)


def _by_secret(scene: Scene, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, b"k" * 32, "HS256", headers={"typ": "dpop+jwt", "jwk": scene.key.jwk})


def _unsigned(scene: Scene, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, "", "none", headers={"typ": "dpop+jwt", "jwk": scene.key.jwk})


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(_with(typ=None), id="no typ"),
        pytest.param(_with(typ="JWT"), id="typ JWT"),
        pytest.param(_with(typ="at+jwt"), id="typ at+jwt"),
        pytest.param(_with(typ=["dpop+jwt"]), id="typ list"),
        pytest.param(_with(jwk=None), id="no jwk"),
        pytest.param(_with(jwk="key"), id="jwk text"),
        pytest.param(_with(crit=["x"], x=1), id="crit"),
        pytest.param(_with_jwk(x=None), id="half a key"),
        pytest.param(_with_jwk(x=7), id="number in key"),
        pytest.param(_with_jwk(crv="P-384"), id="another curve"),
        pytest.param(_with_jwk(kty="oct", k="AAAA"), id="secret"),
        pytest.param(_private, id="private key shown"),
        pytest.param(_signed_by(DpopKey.fresh()), id="another signature"),
        pytest.param(_by_secret, id="HS256"),
        pytest.param(_unsigned, id="none"),
        pytest.param(lambda scene, claims: scene.key.sign(claims)[:-6] + "AAAAAA", id="bad signature"),
        pytest.param(lambda scene, claims: scene.key.sign(claims | {"x": "x" * 9000}), id="too long"),
        pytest.param(lambda _scene, _claims: "", id="empty"),
        pytest.param(lambda _scene, _claims: "a.b.c", id="no JWT"),
        pytest.param(lambda _scene, _claims: "é.ü.ñ", id="no ASCII"),
        pytest.param(lambda _scene, _claims: "eyJ" + "bW1t" * 900 + ".e30.x", id="no JSON"),
    ],
)
async def test_proofs_that_are_none(spoil: Callable[[Scene, dict[str, Any]], str]) -> None:
    scene = Scene()
    token = scene.token()
    good = jwt.decode(scene.proof(token), options={"verify_signature": False})
    assert blamed(await scene.ask_with(token, spoil(scene, good))) == PROOF


@pytest.mark.parametrize(
    "key",
    [DpopKey(RSA, "RS256"), DpopKey(ec.generate_private_key(ec.SECP384R1()), "ES384")],
    ids=lambda key: key.algorithm,
)
async def test_algorithms_that_are_not_in_the_list(key: DpopKey) -> None:
    assert blamed(await Scene(key=key).ask_well()) == PROOF


@pytest.mark.filterwarnings("ignore:The RSA key is 1024 bits")
async def test_a_short_key() -> None:
    key = DpopKey(rsa.generate_private_key(65537, 1024), "PS256")  # noqa: S505 - that is what is refused
    assert blamed(await Scene(key=key).ask_well()) == PROOF


async def test_exactly_one_header() -> None:
    scene = Scene()
    token = scene.token()
    header = ("authorization", f"DPoP {token}")
    proofs = [("dpop", scene.proof(token)), ("DPoP", scene.proof(token))]
    assert blamed(await scene.ask(header)) == PROOF
    assert blamed(await scene.ask(header, *proofs)) == PROOF
    joined = ", ".join(value for _, value in proofs)
    assert blamed(await scene.ask(header, ("dpop", joined))) == PROOF
    assert (await scene.ask(header, proofs[1])).status_code == 200


async def test_a_proof_of_another_key_than_the_tokens() -> None:
    scene, thief = Scene(), Scene()
    token = scene.token()
    assert blamed(await scene.ask_with(token, thief.proof(token))) == (401, "DPoP", "invalid_token")


async def test_a_proof_is_for_one_method() -> None:
    scene = Scene()
    token = scene.token()
    for method in ("GET", "POST", "HEAD"):
        proof = scene.proof(token, method=method)
        assert (await scene.ask_with(token, proof, method=method)).status_code == 200


async def test_the_header_host_has_no_say() -> None:
    scene = Scene()
    token = scene.token()
    proof = scene.proof(token, htu="https://evil.example/dossiers/1")
    response = await scene.ask(("authorization", f"DPoP {token}"), ("dpop", proof), ("host", "evil.example"))
    assert blamed(response) == PROOF


async def test_the_path_is_compared_as_it_was_spelled() -> None:
    scene = Scene()
    token = scene.token()
    spelled = "/dossiers/a%20%C4%91"
    for htu, status in ((spelled, 200), ("/dossiers/a%20%c4%91", 200), ("/dossiers/a%2520%C4%91", 401)):
        response = await scene.ask_with(token, scene.proof(token, htu=API + htu), path=spelled)
        assert response.status_code == status


async def test_what_need_not_be_escaped_is_not() -> None:
    scene = Scene()
    token = scene.token()
    response = await scene.ask_with(
        token, scene.proof(token, htu=f"{API}/dossiers/a:b"), path="/dossiers/a:b"
    )
    assert response.status_code == 200


async def test_an_address_with_a_path_that_the_proxy_takes_away() -> None:
    scene = Scene(api=replace(PUBLIC, address=f"{API}/civil-status/"))
    token = scene.token()
    good = scene.proof(token, htu=f"{API}/civil-status/dossiers/1")
    assert (await scene.ask_with(token, good)).status_code == 200
    assert blamed(await scene.ask_with(token, scene.proof(token))) == PROOF


# Single use


async def test_rfc9449_11_1_a_proof_works_once() -> None:
    scene = Scene()
    token = scene.token()
    proof = scene.proof(token)
    assert (await scene.ask_with(token, proof)).status_code == 200
    for seconds in (0, OLD_SECONDS - 1, 1):
        scene.clock.now += seconds
        assert blamed(await scene.ask_with(token, proof)) == PROOF
    again = scene.proof(token, jti="the same")
    assert (await scene.ask_with(token, again)).status_code == 200
    assert blamed(await scene.ask_with(token, scene.proof(token, jti="the same"))) == PROOF


async def test_what_one_client_uses_up_another_has_still() -> None:
    first = Scene()
    second = Scene(issuer=first.issuer, burn=first.guard._burn)  # noqa: SLF001 - one memory for both
    for scene in (first, second):
        token = scene.token()
        assert (await scene.ask_with(token, scene.proof(token, jti="j"))).status_code == 200


@pytest.mark.parametrize("issued_at", [NOW, NOW + 0.5, NOW + AHEAD_SECONDS])
async def test_it_is_remembered_for_longer_than_any_clock_may_be_behind(issued_at: float) -> None:
    """Also where the store's clock ends it, in whole seconds, or another process with a clock of its own takes it."""
    kept: list[int] = []

    async def burn(_digest: bytes, until: int) -> bool:
        kept.append(until)
        return True

    scene = Scene(burn=burn)
    token = scene.token()
    assert (await scene.ask_with(token, scene.proof(token, iat=issued_at))).status_code == 200
    assert kept == [math.ceil(issued_at) + OLD_SECONDS + AHEAD_SECONDS]
    assert isinstance(kept[0], int)


async def test_a_proof_that_was_refused_is_not_remembered() -> None:
    replays = MemoryReplays(clock=Clock())
    scene = Scene(burn=replays.burn)
    token = scene.token()
    await scene.ask_with(token, scene.proof(token, htm="POST"))
    assert len(replays) == 0


async def test_the_memory_is_bounded_and_forgets_nothing_early() -> None:
    clock = Clock()
    replays = MemoryReplays(most=2, clock=clock)
    assert await replays.burn(b"one", clock() + 60)
    assert await replays.burn(b"two", clock() + 30)
    with pytest.raises(Unavailable):
        await replays.burn(b"three", clock() + 60)
    assert not await replays.burn(b"one", clock() + 60)
    clock.now += 31
    assert await replays.burn(b"three", clock() + 60)
    clock.now += 61
    assert await replays.burn(b"one", clock() + 60)
    assert len(replays) == 1


async def test_when_nothing_can_be_remembered_nobody_is_let_in() -> None:
    async def away(_digest: bytes, _until: float) -> bool:
        raise Unavailable("the store is away")

    response = await Scene(burn=away).ask_well()
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert "www-authenticate" not in response.headers


# Nonces


@pytest.fixture
def asking() -> Scene:
    """An API that asks for nonces."""
    return Scene(api=replace(PUBLIC, nonce_secret=SECRET))


async def test_rfc9449_9_a_nonce_is_asked_for_and_taken(asking: Scene) -> None:
    token = asking.token()
    response = await asking.ask_with(token, asking.proof(token))
    assert blamed(response) == (401, "DPoP", "use_dpop_nonce")
    nonce = response.headers["dpop-nonce"]
    for _ in range(2):
        response = await asking.ask_with(token, asking.proof(token, nonce=nonce))
        assert (response.status_code, response.headers["dpop-nonce"]) == (200, nonce)


async def test_who_is_asked_for_a_nonce_has_lost_nothing(asking: Scene) -> None:
    token = asking.token()
    nonce = (await asking.ask_with(token, asking.proof(token, jti="j"))).headers["dpop-nonce"]
    assert (await asking.ask_with(token, asking.proof(token, jti="j", nonce=nonce))).status_code == 200


async def test_a_nonce_grows_old_and_is_replaced_before(asking: Scene) -> None:
    token = asking.token(exp=NOW + 3600)
    old = (await asking.ask_with(token, asking.proof(token))).headers["dpop-nonce"]
    asking.clock.now += NONCE_SECONDS
    response = await asking.ask_with(token, asking.proof(token, nonce=old))
    assert response.status_code == 200
    assert response.headers["dpop-nonce"] != old
    asking.clock.now += NONCE_SECONDS
    assert blamed(await asking.ask_with(token, asking.proof(token, nonce=old)))[2] == "use_dpop_nonce"


@pytest.mark.parametrize("nonce", ["", "guessed", 7, ["x"], "\ud800", "é"])
async def test_a_wrong_nonce(asking: Scene, nonce: object) -> None:
    token = asking.token()
    good = jwt.decode(asking.proof(token), options={"verify_signature": False})
    response = await asking.ask_with(token, asking.key.sign(json.loads(json.dumps(good | {"nonce": nonce}))))
    assert blamed(response)[2] == "use_dpop_nonce"


async def test_all_processes_with_one_secret_know_each_others_nonces(asking: Scene) -> None:
    token = asking.token()
    nonce = (await asking.ask_with(token, asking.proof(token))).headers["dpop-nonce"]
    other = Scene(api=asking.api, issuer=asking.issuer, key=asking.key)
    assert (await other.ask_with(token, other.proof(token, nonce=nonce))).status_code == 200
    stranger = Scene(api=replace(PUBLIC, nonce_secret=SECRET[::-1]), issuer=asking.issuer, key=asking.key)
    assert (await stranger.ask_with(token, stranger.proof(token, nonce=nonce))).status_code == 401


async def test_no_nonce_for_who_sends_no_proof(asking: Scene) -> None:
    assert "dpop-nonce" not in (await asking.ask()).headers
    assert "dpop-nonce" not in (await Scene().ask_well()).headers


def test_a_short_secret_is_none() -> None:
    with pytest.raises(ValueError, match="at least 32 octets"):
        Scene(api=replace(PUBLIC, nonce_secret=b"short"))
