"""What a client registers by address is looked at when it registers; what is not in order yet is told."""

from __future__ import annotations

from typing import Any

import pytest

from idp.oidc.registered_documents import look_at_documents
from keys.backends.software import SoftwareSigner
from keys.encryption import DecryptionKey
from tests.support.oidc_rules import client
from tests.support.remote import Web

JWKS_URI = "https://portal.example.gov.vn/jwks"
SIGNING = SoftwareSigner.generate("ES256").public_jwk()
ENCRYPTION = DecryptionKey.generate("ECDH-ES").public_jwk()


@pytest.mark.parametrize(
    ("keys", "registered", "told"),
    [
        ([SIGNING], {}, ""),
        ([SIGNING, ENCRYPTION], {"id_token_encrypted_response_alg": "ECDH-ES"}, ""),
        ([SIGNING], {"id_token_encrypted_response_alg": "ECDH-ES"}, "none for ECDH-ES"),
        ([ENCRYPTION], {"userinfo_encrypted_response_alg": "RSA-OAEP-256"}, "none for RSA-OAEP-256"),
        ([], {}, "cannot be used"),
        (None, {}, "There are no keys"),
    ],
)
async def test_keys_that_are_not_there_yet_are_told(
    keys: list[dict[str, str]] | None, registered: dict[str, Any], told: str
) -> None:
    web, portal = Web(), client(jwks_uri=JWKS_URI, **registered)
    if keys is not None:
        web.put_json(JWKS_URI, {"keys": keys})
    notes = " ".join((await look_at_documents(web.fetch, portal)).notes)
    assert told in notes
    assert bool(notes) == bool(told)
