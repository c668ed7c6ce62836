"""OpenID Connect Registration §2 `logo_uri`: what we keep of it is an image, small, and of a kind that does nothing."""

from __future__ import annotations

from typing import Any

import pytest

from idp.oidc.client_cache import ClientCache
from idp.oidc.image import Image, NotAnImage, read_image
from idp.oidc.logo import LONGEST_SIDE, MOST_BYTES, Logo, NoLogo, fetch_logo, keep_logo
from idp.store import logos
from tests.support.images import WEBP_LOSSLESS, WEBP_LOSSY, jpeg, png, webp
from tests.support.oidc_rules import NOW, client, metadata
from tests.support.portals import register
from tests.support.remote import NOWHERE, Web

URI = "https://portal.example.gov.vn/logo.png"
PORTAL = client(logo_uri=URI)


@pytest.mark.parametrize(
    ("octets", "image"),
    [
        (png(3, 5), Image("image/png", 3, 5)),
        (jpeg(640, 480), Image("image/jpeg", 640, 480)),
        (jpeg(640, 480, frame=0xC2), Image("image/jpeg", 640, 480)),
        (webp(300, 200), Image("image/webp", 300, 200)),
        (WEBP_LOSSY, Image("image/webp", 1, 1)),
        (WEBP_LOSSLESS, Image("image/webp", 1, 1)),
    ],
)
def test_an_image_says_what_it_is(octets: bytes, image: Image) -> None:
    assert read_image(octets) == image


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html>\x89PNG\r\n\x1a\n",
        b"GIF89a" + bytes(20),
        png()[:20],
        b"\x89PNG\r\n\x1a\n" + bytes(30),
        jpeg(1, 1)[:26],
        b"\xff\xd8\xff" + b"\xff" * 40,
        b"\xff\xd8\xff\xe1\0\0<script>",
        webp(1, 1)[:28],
        b"RIFF\0\0\0\0WEBPVP8?" + bytes(20),
        b"RIFF\0\0\0\0WAVE" + bytes(20),
    ],
)
def test_what_is_no_image_is_refused(octets: bytes) -> None:
    with pytest.raises(NotAnImage):
        read_image(octets)


async def test_a_logo_is_what_its_octets_say() -> None:
    web = Web()
    web.put(URI, png(), media_type="text/html")
    assert await fetch_logo(web.fetch, PORTAL) == Logo("image/png", png())


async def test_without_an_address_there_is_none() -> None:
    assert await fetch_logo(NOWHERE, client()) is None


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (png(), 404, "status_404"),
        (png(), 302, "status_302"),
        (png() + bytes(MOST_BYTES), 200, "cannot be fetched"),
        (b"<svg/>", 200, "no PNG"),
        (png()[:20], 200, "broken"),
        (png(LONGEST_SIDE + 1, 1), 200, "larger"),
        (jpeg(1, LONGEST_SIDE + 1), 200, "larger"),
        (png(0, 0), 200, "larger"),
    ],
)
async def test_what_cannot_be_shown_is_said(body: bytes, status: int, reason: str) -> None:
    web = Web()
    web.put(URI, body, status=status, media_type="image/png")
    with pytest.raises(NoLogo, match=reason):
        await fetch_logo(web.fetch, PORTAL)


async def test_a_copy_goes_with_its_address(db: Any) -> None:
    _, added = register(metadata(), NOW)
    await db.write(added)
    cache = ClientCache(db)

    async def shown() -> str:
        cache.forget()
        found = await cache.find("portal")
        assert found is not None
        return found.logo

    assert await shown() == ""
    await db.write(keep_logo(PORTAL, Logo("image/png", png()), NOW))
    assert await shown() == f"/logo/portal?{NOW}"
    await db.write(keep_logo(PORTAL, Logo("image/webp", WEBP_LOSSY), NOW + 1))
    assert await shown() == f"/logo/portal?{NOW + 1}"
    row = await logos.find(db, "portal")
    assert row is not None
    assert (row["media_type"], row["image"]) == ("image/webp", WEBP_LOSSY)
    await db.write(keep_logo(PORTAL, None, NOW + 2))
    assert await shown() == f"/logo/portal?{NOW + 1}", "the address is down: the copy stays"
    await db.write(keep_logo(client(logo_uri=f"{URI}?2"), None, NOW + 2))
    assert await shown() == "", "a copy of another address says nothing"
