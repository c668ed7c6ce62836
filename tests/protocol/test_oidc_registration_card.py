"""OpenID Connect Registration §2: what a person sees of a portal, on every page on the way to it.

Named after the modules of the conformance suite that have a person look at the page.
"""

from __future__ import annotations

import struct
import zlib
from html import unescape
from typing import Final

import pytest

from idp.store import logos, versions
from tests.support.browsing import Visit
from tests.support.population import AN, HOA_BINH, KHANG
from tests.support.provider import Provider


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


IMAGE: Final = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0\0"))
    + _chunk(b"IEND", b"")
)
CARD: Final = {
    "policy_uri": "https://hospital.example/chinh-sach",
    "tos_uri": "https://hospital.example/dieu-khoan",
}


def link(visit: Visit, element: str) -> str:
    """Where a link of the card leads."""
    after = visit.text.partition(f'<a id="{element}" href="')[2]
    return unescape(after.partition('"')[0])


def pictures(visit: Visit) -> list[str]:
    """Addresses of the images on a page."""
    return [unescape(part.partition('"')[0]) for part in visit.text.split('<img id="logo_uri" src="')[1:]]


async def pages(service: Provider) -> dict[str, Visit]:
    """Login, consent and the question whether to sign out, on the way to the hospital and back."""
    portal, browser = service.portal("hospital"), service.browser()
    asked, login = await portal.send(browser, scope="openid profile", prompt="consent")
    consent = await service.sign_in(login, AN)
    given = await portal.tokens(asked, await consent.submit(decision="allow", claim=["name"]))
    logout = await browser.open(f"/logout?client_id=hospital&logout_hint={given.sub}")
    return {"login": login, "consent": consent, "logout": logout}


@pytest.mark.parametrize("element", CARD)
async def test_oidcc_registration_policy_and_tos_uri(service: Provider, element: str) -> None:
    for name, visit in (await pages(service)).items():
        assert link(visit, element) == CARD[element], name
        assert "Bệnh viện tỉnh" in visit.text


async def test_oidcc_registration_logo_uri(one: Provider) -> None:
    """Shown from our copy, and from nowhere else."""
    kept = logos.keep("hospital", "https://hospital.example/logo.png", "image/png", IMAGE, int(one.clock()))
    await one.db.write(kept, versions.changed(versions.CLIENTS))
    for name, visit in (await pages(one)).items():
        (address,) = pictures(visit)
        assert address.startswith("/logo/hospital?"), name
        assert "hospital.example/logo.png" not in visit.text
        image = await one.http().get(address)
        assert (image.status_code, image.headers["content-type"]) == (200, "image/png")
        assert image.content == IMAGE
        policy = visit.response.headers["content-security-policy"]
        assert "img-src 'self'" in policy


async def test_a_portal_without_them_has_a_card_without_them(service: Provider) -> None:
    _, visit = await service.portal("dossiers").send(service.browser())
    assert "Kho hồ sơ" in visit.text
    assert [link(visit, element) for element in CARD] == ["", ""]
    assert pictures(visit) == []


async def test_an_english_page_names_the_portal_in_english(service: Provider) -> None:
    _, visit = await service.portal("dossiers").send(service.browser(), ui_locales="en")
    assert '<p class="client-name" lang="en">Portal dossiers</p>' in visit.text
    assert '<p class="agency" lang="vi">Cơ quan mẫu</p>' in visit.text


async def test_who_acts_for_a_company_sees_the_card_too(service: Provider) -> None:
    _, visit = await service.portal("enterprise").send(service.browser(), ui_locales="en")
    choice = await service.sign_in(visit, KHANG)
    assert "Portal enterprise" in choice.text
    notice = await choice.submit(acting_for=HOA_BINH.record_id)
    assert "Portal enterprise" in notice.text
