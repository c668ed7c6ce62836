"""Tokens of ours whose key signs no more are recognised, and nothing that somebody made up."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from idp.oidc.stale_tokens import REFUSED, StaleToken, StaleTokens
from keys import base64url
from keys.backends.software import SoftwareSigner
from keys.jose import encode
from keys.jwk import read_own_jwk
from keys.keyring import Keyring, OwnKey
from keys.policy import TOKEN_TYPES, Purpose, State
from tests.support.oidc_rules import NOW, keyring
from tests.support.signing import at_once

CLAIMS = {"sub": "somebody", "aud": "portal", "client_id": "portal", "exp": NOW - 900}
OLD = (State.RETIRING, State.RETIRED, State.REVOKED)
PURPOSES = (Purpose.ID_TOKEN, Purpose.ACCESS_TOKEN)


def ring(signer: SoftwareSigner, purpose: Purpose, state: State) -> Keyring:
    """A keyring that has known this key until its state changed."""
    made = keyring(signer.kid[:32])
    made._keys[signer.kid] = OwnKey(purpose, signer.alg, state, read_own_jwk(signer.public_jwk()))  # noqa: SLF001 - as loaded
    return made


def signed(signer: SoftwareSigner, purpose: Purpose, **changes: Any) -> str:
    return at_once(encode(signer, CLAIMS | changes, TOKEN_TYPES[purpose]))


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("state", State)
def test_which_keys_are_stale(purpose: Purpose, state: State) -> None:
    signer = SoftwareSigner.generate("ES256")
    known = ring(signer, purpose, state)
    found = StaleTokens().find(known, signed(signer, purpose), purpose, NOW)
    assert found == (StaleToken(signer.kid, "portal") if state in OLD else None)


@pytest.mark.parametrize("state", OLD)
def test_what_is_not_recognised(state: State) -> None:
    signer, other = SoftwareSigner.generate("ES256"), SoftwareSigner.generate("ES256")
    known, good = ring(signer, Purpose.ACCESS_TOKEN, state), signed(signer, Purpose.ACCESS_TOKEN)
    forged = signed(other, Purpose.ACCESS_TOKEN)
    head, body, signature = good.split(".")
    other_head, _, other_signature = forged.split(".")
    for token in (
        forged,
        f"{head}.{body}.{other_signature}",
        f"{head}.{body}.",
        f"{other_head}.{body}.{signature}",
        head,
        "",
        ".",
        "..",
        "a.b.c",
        "x" * 20_000,
        "." + good,
        signed(signer, Purpose.ACCESS_TOKEN, client_id=7),
        signed(signer, Purpose.ACCESS_TOKEN, client_id="a b"),
        signed(signer, Purpose.ID_TOKEN),
    ):
        assert StaleTokens().find(known, token, Purpose.ACCESS_TOKEN, NOW) is None
    assert StaleTokens().find(known, good, Purpose.ID_TOKEN, NOW) is None
    assert StaleTokens().find(known, good, Purpose.ACCESS_TOKEN, NOW) is not None


def test_refused_tokens_are_looked_at_so_often_and_no_oftener() -> None:
    signer, stale = SoftwareSigner.generate("ES256"), StaleTokens()
    known = ring(signer, Purpose.ACCESS_TOKEN, State.REVOKED)
    token = signed(signer, Purpose.ACCESS_TOKEN)
    found = [stale.find(known, token, Purpose.ACCESS_TOKEN, NOW) for _ in range(500)]
    assert sum(one is not None for one in found) == REFUSED.burst
    assert stale.find(known, token, Purpose.ACCESS_TOKEN, NOW + 60) is not None


def test_a_header_is_json_of_any_kind() -> None:
    signer = SoftwareSigner.generate("ES256")
    known = ring(signer, Purpose.ID_TOKEN, State.RETIRED)
    headers: list[object] = [[], 7, "kid", {"kid": None}, {"kid": 7}, {"kid": [signer.kid]}]
    for header in headers:
        token = base64url.encode_text(orjson.dumps(header)) + ".e30.AA"
        assert StaleTokens().find(known, token, Purpose.ID_TOKEN, NOW) is None
