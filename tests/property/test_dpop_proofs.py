"""Whatever is sent as a proof: it is taken, or refused in one of two ways, and what is taken is for this request."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from idp.errors import InvalidDpopProof, UseDpopNonce
from idp.oidc.dpop import WINDOW, Nonces, Proof, normalised, target, verify_proof
from keys import base64url
from tests.support.dpop import DpopKey
from tests.support.jwt_attacks import raw_signature
from tests.support.persons import NOW, secrets_only

ADDRESS: Final = "https://sso.example.gov.vn/token"
KEY: Final = DpopKey.fresh()
KEYRING: Final = secrets_only()
AIM: Final = target("POST", (ADDRESS,))
SCALARS: Final = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.sampled_from(
        ["POST", "GET", ADDRESS, NOW, NOW - WINDOW, NOW + WINDOW, "dpop+jwt", "ES256", "x" * 256]
    )
)
VALUES: Final = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
GOOD: Final[dict[str, Any]] = {"jti": "one", "htm": "POST", "htu": ADDRESS, "iat": NOW}
CHANGED: Final = st.dictionaries(
    st.sampled_from([*GOOD, "nonce", "ath", "exp", "nbf", "more"]), VALUES, max_size=3
)
MEMBERS: Final = st.dictionaries(
    st.sampled_from([*KEY.jwk, "kid", "alg", "use", "d", "k", "x5c"]), VALUES, max_size=2
)


def _segment(value: object) -> str:
    return base64url.encode_text(json.dumps(value).encode())


def _signed(header: object, claims: object) -> str:
    assert isinstance(KEY.private_key, ec.EllipticCurvePrivateKey)
    start = f"{_segment(header)}.{_segment(claims)}"
    return f"{start}.{base64url.encode_text(raw_signature(start.encode(), KEY.private_key))}"


def _judged(text: str) -> Proof | None:
    try:
        return verify_proof(text, AIM, Nonces(KEYRING, NOW))
    except (InvalidDpopProof, UseDpopNonce):
        return None


@settings(max_examples=80)
@given(CHANGED)
@example({})
def test_claims_of_any_kind(changes: dict[str, Any]) -> None:
    claims = GOOD | changes
    proof = _judged(_signed({"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY.jwk}, claims))
    if proof is None:
        assert changes
        return
    assert proof.jkt == KEY.jkt
    assert (claims["htm"], normalised(claims["htu"])) == ("POST", ADDRESS)
    assert abs(claims["iat"] - NOW) <= WINDOW
    assert proof.expires_at >= NOW


@settings(max_examples=80)
@given(
    st.dictionaries(st.sampled_from(["typ", "alg", "kid", "crit", "b64", "more"]), VALUES, max_size=2),
    MEMBERS,
)
@example({}, {})
def test_headers_and_keys_of_any_kind(changes: dict[str, Any], members: dict[str, Any]) -> None:
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY.jwk | members} | changes
    proof = _judged(_signed(header, GOOD))
    if proof is None:
        assert changes or members
    else:
        assert proof.jkt == KEY.jkt


@settings(max_examples=80)
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda octets: octets.decode("latin-1")))
@example("..")
@example("a.b.c")
def test_text_of_any_kind(text: str) -> None:
    assert _judged(text) is None


@settings(max_examples=80)
@given(
    st.sampled_from(["https", "HTTP", "ftp", ""]),
    st.text("abcAZ019.:@[]%-", max_size=12),
    st.text("abc/.%2eE~é?#\\ ", max_size=20),
)
def test_an_address_has_one_spelling_or_is_none(scheme: str, host: str, rest: str) -> None:
    try:
        spelled = normalised(f"{scheme}://{host}/{rest}")
    except ValueError:
        return
    assert normalised(spelled) == spelled
    assert not {"?", "#"} & set(spelled)
    assert ".." not in urlsplit(spelled).path.split("/")
