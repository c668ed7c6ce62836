"""Logos of clients (`logo_uri`, OpenID Connect Registration §2): fetched once, checked, and served by us.

A person's browser asks nobody but us for them: the portal does not learn who stands at the login page, and cannot put
another picture there than the one that was looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from idp.oidc.client import Client
from idp.oidc.image import NotAnImage, read_image
from idp.oidc.remote import Fetch, FetchFailed, fetch_document
from idp.store import logos
from idp.store.database import Step

MOST_BYTES: Final = 64 * 1024
LONGEST_SIDE: Final = 2048  # pixels: few octets can unpack to a picture that fills a telephone's memory
ACCEPT: Final = "image/png, image/jpeg, image/webp"


class NoLogo(Exception):
    """There is no logo that can be shown; the message is one sentence part for the one who registered it."""


@dataclass(frozen=True, slots=True)
class Logo:
    """An image that was looked at; the type is what its octets say."""

    media_type: str
    image: bytes = field(repr=False)


async def fetch_logo(fetch: Fetch, client: Client) -> Logo | None:
    """The logo at `logo_uri`; None where none is registered.

    Raises:
        NoLogo: not to be had, not an image, or too large.
    """
    if not client.logo_uri:
        return None
    try:
        octets = await fetch_document(fetch, client.logo_uri, most_bytes=MOST_BYTES, accept=ACCEPT)
        image = read_image(octets)
    except FetchFailed as error:
        raise NoLogo(f"it cannot be fetched: {error.code}") from error
    except NotAnImage as error:
        raise NoLogo(str(error)) from error
    if not 0 < max(image.width, image.height) <= LONGEST_SIDE:
        raise NoLogo(f"it is larger than {LONGEST_SIDE} by {LONGEST_SIDE} pixels")
    return Logo(image.media_type, octets)


def keep_logo(client: Client, logo: Logo | None, now: int) -> Step:
    """Show this logo of the client from now on; without one, none but what was fetched from the same address before.

    Of one write with what changes the client, and with a new version of the clients: they carry whether there is one.
    """
    if logo is None:
        return logos.remove_others(client.client_id, client.logo_uri)
    return logos.keep(client.client_id, client.logo_uri, logo.media_type, logo.image, now)
