"""RFC 9101 §5.2, OpenID Connect Core §6.2: request objects come from registered addresses."""

from __future__ import annotations

import hashlib

import pytest

from idp.errors import InvalidRequestUri
from idp.oidc.request_object.address import MOST_BYTES, fetch_request_object
from keys.base64url import encode_text
from tests.support.oidc_rules import client
from tests.support.remote import Web

URI = "https://portal.example.gov.vn/request.jwt"
OBJECT = b"a.b.c"
DIGEST = encode_text(hashlib.sha256(OBJECT).digest())
OTHER_DIGEST = encode_text(hashlib.sha256(b"another").digest())


def web(body: bytes = OBJECT, status: int = 200) -> Web:
    made = Web()
    made.put(URI, body, status=status, media_type="application/oauth-authz-req+jwt")
    return made


@pytest.mark.parametrize(
    ("registered", "sent"),
    [
        (URI, URI),
        (URI, f"{URI}#{DIGEST}"),
        (f"{URI}#{DIGEST}", f"{URI}#{DIGEST}"),
        (f"{URI}#{OTHER_DIGEST}", f"{URI}#{OTHER_DIGEST}"),
    ],
)
async def test_an_object_is_fetched_from_a_registered_address(registered: str, sent: str) -> None:
    """Whatever the fragment says: it is for caches, and is registered before anybody knows what will stand there."""
    served = web()
    portal = client(request_uris=[registered])
    assert await fetch_request_object(served.fetch, portal, sent) == "a.b.c"
    assert served.asked == [URI]


@pytest.mark.parametrize(
    ("registered", "sent"),
    [
        (URI, f"{URI}?x=1"),
        (URI, f"{URI}/"),
        (URI, URI.replace("https", "http")),
        (URI, "http://169.254.169.254/"),
        (URI, "urn:ietf:params:oauth:request_uri:x"),
        (URI, ""),
        (f"{URI}#{DIGEST}", URI),
        (f"{URI}#{DIGEST}", f"{URI}#{OTHER_DIGEST}"),
    ],
)
async def test_no_other_address_is_asked(registered: str, sent: str) -> None:
    served = web()
    with pytest.raises(InvalidRequestUri):
        await fetch_request_object(served.fetch, client(request_uris=[registered]), sent)
    assert served.asked == []


@pytest.mark.parametrize(
    ("body", "status"), [(OBJECT, 404), (OBJECT, 302), ("đ".encode(), 200), (b"a" * (MOST_BYTES + 1), 200)]
)
async def test_what_is_no_request_object_is_refused(body: bytes, status: int) -> None:
    with pytest.raises(InvalidRequestUri):
        await fetch_request_object(web(body, status).fetch, client(request_uris=[URI]), URI)
