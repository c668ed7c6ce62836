"""What the OpenID Foundation's conformance suite looks at in every flow, whatever its module is about."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwcrypto.jwk import JWK

from tests.support.browsing import Visit
from tests.support.installation import ISSUER
from tests.support.portals import Asked, Tokens

YEAR: Final = 365 * 86_400
PROFILE: Final = frozenset({"name", "family_name", "given_name", "middle_name", "gender", "birthdate"})
"""Of the claims of `profile` (Core §5.4) those that the registers hold."""
PERSONAL: Final = PROFILE | {"address", "phone_number", "phone_number_verified", "email", "email_verified"}

_PRIVATE: Final = {"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}
_NUMBERS: Final = {"EC": ("x", "y"), "RSA": ("n", "e"), "OKP": ("x",), "AKP": ("pub",)}
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+")
_LEGAL: Final = re.compile(r"[\x20\x21\x23-\x5B\x5D-\x7E]+")  # RFC 6749 appendix A.7, A.8
_BIRTH_DATE: Final = re.compile(r"\d{4}(-\d{2}-\d{2})?")
_ADDRESS: Final = {"formatted", "street_address", "locality", "region", "postal_code", "country"}
_ERROR: Final = {"error", "error_description", "error_uri"}
_TOKEN_ERRORS: Final = {
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
    "invalid_scope",
}  # fmt: skip


def check_key_set(response: httpx2.Response) -> list[dict[str, Any]]:
    """The key set (RFC 7517 §5): public, whole, distinct, strong."""
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    keys: list[dict[str, Any]] = response.json()["keys"]
    assert keys
    assert all(isinstance(key.get("kid"), str) and key["kid"] for key in keys)
    assert len({key["kid"] for key in keys}) == len(keys)
    for key in keys:
        _check_key(key)
    return keys


def _check_key(key: Mapping[str, Any]) -> None:
    assert not key.keys() & _PRIVATE
    assert not key.keys() & {"x5c", "x5t", "x5u"}, "there is no certificate that could say something else"
    assert all(_BASE64URL.fullmatch(key.get(number, "")) for number in _NUMBERS[key["kty"]])
    if key["kty"] == "AKP":  # ML-DSA: no library of portals reads it yet
        return
    public = JWK.from_json(json.dumps(key)).get_op_key("verify" if key["use"] == "sig" else "encrypt")
    if isinstance(public, rsa.RSAPublicKey):
        assert public.key_size >= 2048


def check_unguessable(value: str) -> None:
    """A code or token: at least 128 bits long, of which at least 96 cannot be told from its letters."""
    assert len(value) * 8 >= 128
    share = [count / len(value) for count in Counter(value).values()]
    assert -sum(one * math.log2(one) for one in share) * len(value) >= 96


def check_answer(asked: Asked, visit: Visit) -> None:
    """The authorization response: in the mode that was asked for, once, and nothing beside what is documented."""
    given, parts = visit.given, urlsplit(visit.address)
    registered = urlsplit(asked.parameters.get("redirect_uri", visit.address))
    assert not parts.fragment
    if asked.parameters.get("response_mode", "query").startswith("form_post"):
        assert (visit.status, parts.query) == (200, registered.query), (
            "it came by a form, nothing by the address"
        )
    else:
        assert visit.status in {302, 303}
        sent = parse_qsl(parts.query, keep_blank_values=True)
        assert len(sent) == len(dict(sent)), "nothing is said twice"
    answer = {
        name: value for name, value in given.items() if (name, value) not in parse_qsl(registered.query)
    }
    assert (parts.netloc, parts.path) == (registered.netloc, registered.path)
    assert answer.get("state") == asked.parameters.get("state")
    assert answer["iss"] == ISSUER
    assert answer.keys() <= ({"code"} if "code" in answer else _ERROR) | {"state", "iss"}
    if "code" in answer:
        check_unguessable(answer["code"])
    else:
        check_error(answer)


def check_error(answer: Mapping[str, Any]) -> None:
    """The members of an error are written in the characters of RFC 6749."""
    assert answer["error"]
    assert all(_LEGAL.fullmatch(answer[name]) for name in answer.keys() & {"error", "error_description"})
    assert "error_uri" not in answer or urlsplit(answer["error_uri"]).scheme == "https"


def check_token_response(response: httpx2.Response, asked_scope: str, *, scheme: str = "bearer") -> None:
    """A good answer of the token endpoint."""
    assert response.status_code == 200, response.text
    body = response.json()
    _check_not_kept(response)
    assert str(body["token_type"]).lower() == scheme
    assert isinstance(body["expires_in"], int)
    assert 0 < body["expires_in"] <= YEAR
    granted = set(body.get("scope", asked_scope).split())
    assert granted <= set(asked_scope.split()), "no scope is invented"
    assert "scope" in body or granted == set(asked_scope.split())
    assert ("id_token" in body) is ("openid" in granted)
    for name in body.keys() & {"access_token", "refresh_token"}:
        check_unguessable(body[name])


def check_token_error(response: httpx2.Response, *errors: str) -> None:
    """A bad one: 400, or 401 for a client that failed to prove itself."""
    body = response.json()
    assert body["error"] in (errors or _TOKEN_ERRORS)
    assert response.status_code == 400 or (response.status_code, body["error"]) == (401, "invalid_client")
    _check_not_kept(response)
    assert body.keys() <= _ERROR
    check_error(body)


def _check_not_kept(response: httpx2.Response) -> None:
    assert response.headers["content-type"] == "application/json"
    assert "no-store" in response.headers["cache-control"]
    assert response.headers["pragma"] == "no-cache"


def check_id_token(
    tokens: Tokens, asked: Asked, now: float, *, alg: str, asked_claims: Iterable[str] = ()
) -> None:
    """The ID token (Core §2); that its signature holds has been seen when it was read."""
    header, claims = jwt.get_unverified_header(tokens.id_token), tokens.claims
    assert (header["alg"], bool(header["kid"])) == (alg, True)
    assert (claims["iss"], claims["aud"]) == (ISSUER, asked.parameters["client_id"])
    assert claims.get("azp", claims["aud"]) == claims["aud"]
    assert now < claims["exp"] < now + 86_400
    assert abs(claims["iat"] - now) < 300
    assert claims.get("nbf", now) <= now
    assert 0 < len(claims["sub"]) <= 255
    assert re.fullmatch(r"[\x21-\x7E]+", claims["sub"])
    assert claims.get("nonce") == asked.parameters.get("nonce")
    assert now - YEAR < claims["auth_time"] <= now
    assert isinstance(claims["acr"], str)
    assert claims["acr"]
    assert claims["amr"]
    assert all(isinstance(method, str) for method in claims["amr"])
    assert not claims.keys() & {"at_hash", "c_hash", "s_hash"}, "both tokens come in one answer"
    assert not (claims.keys() & PERSONAL) - set(asked_claims), "what was not asked for stays out of it"
    check_claims(claims)


def check_claims(claims: Mapping[str, Any]) -> None:
    """Standard claims are of their types (Core §5.1); nothing is null, nothing is empty."""
    assert not any(value is None or value in ("", {}, []) for value in _all_values(claims))
    for name in claims.keys() & {"name", "family_name", "given_name", "middle_name", "gender", "email"}:
        assert isinstance(claims[name], str)
        assert claims[name].strip()
    for name in claims.keys() & {"email_verified", "phone_number_verified"}:
        assert isinstance(claims[name], bool)
    if "birthdate" in claims:
        assert _BIRTH_DATE.fullmatch(claims["birthdate"])
    if "phone_number" in claims:
        assert re.fullmatch(r"\+[0-9]{6,15}", claims["phone_number"]), "E.164"
    if "address" in claims:
        assert claims["address"].keys() <= _ADDRESS
        assert all(isinstance(line, str) and line.strip() for line in claims["address"].values())


def _all_values(claims: Mapping[str, Any]) -> Iterable[Any]:
    for value in claims.values():
        yield value
        if isinstance(value, dict):
            yield from _all_values(value)


def check_registration(response: httpx2.Response, sent: Mapping[str, Any]) -> None:
    """The answer to a registration (RFC 7591 §3.2.1): everything that was sent, and how to change it."""
    assert response.status_code == 201, response.text
    _check_not_kept(response)
    told = response.json()
    assert told.items() >= {name: value for name, value in sent.items() if value not in (None, False)}.items()
    assert told["client_id"]
    assert told["registration_client_uri"].startswith("https://")
    check_unguessable(told["registration_access_token"])
    assert ("client_secret" in told) == ("client_secret_expires_at" in told)
    assert ("client_secret" in told) == told["token_endpoint_auth_method"].startswith("client_secret")
    if "client_secret" in told:
        check_unguessable(told["client_secret"])
