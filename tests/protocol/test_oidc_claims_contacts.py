"""OpenID Connect Core §5.1, §5.4: telephone number and e-mail address, from the officer's note to the portal."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import bindparam

from idp.accounts.contacts import remove_contact
from idp.store.contacts import ContactKind, of_account
from idp.store.database import Step
from idp.store.person_schema import contacts
from keys.seal import SealBroken
from tests.support.browsing import Browser
from tests.support.contacts import EMAIL, PHONE_NUMBER, note_contacts
from tests.support.population import AN, HEN, HOA, KHANG, MAI, SUONG, Citizen
from tests.support.provider import Provider

BOTH = {"phone_number": PHONE_NUMBER, "phone_number_verified": True, "email": EMAIL, "email_verified": False}


async def told(provider: Provider, citizen: Citizen, browser: Browser, **changes: str) -> dict[str, Any]:
    """What the hospital is told at UserInfo about a person."""
    given = await provider.tokens("hospital", citizen, browser, **changes)
    answer: dict[str, Any] = (await provider.portal("hospital").userinfo(given.access_token)).json()
    assert answer.pop("sub") == given.sub
    del answer["subject_type"]
    return answer


async def test_the_person_sees_what_the_portal_is_given(service: Provider) -> None:
    await note_contacts(service, HOA)
    portal = service.portal("hospital")
    asked, visit = await portal.send(service.browser(), scope="openid phone email")
    page = await service.sign_in(visit, HOA)
    assert "+84 950 000 001" in page.text
    assert EMAIL in page.text
    visit = await page.submit(decision="allow", claim=["phone_number"])
    given = await portal.tokens(asked, visit)
    answer = (await portal.userinfo(given.access_token)).json()
    assert answer.keys() == {"sub", "subject_type", "phone_number", "phone_number_verified"}


async def test_what_nobody_noted_is_absent_and_the_page_says_so(service: Provider) -> None:
    portal = service.portal("hospital")
    asked, visit = await portal.send(service.browser(), scope="openid phone email", ui_locales="en")
    page = await service.sign_in(visit, MAI)
    assert page.text.count("nothing on record") == 2
    visit = await page.submit(decision="allow", claim=["phone_number", "email"])
    given = await portal.tokens(asked, visit)
    assert (await portal.userinfo(given.access_token)).json().keys() == {"sub", "subject_type"}


async def test_they_stand_in_the_id_token_where_it_is_asked_for(service: Provider) -> None:
    await note_contacts(service, HOA)
    claims = '{"id_token":{"email":{"essential":true},"phone_number_verified":null}}'
    given = await service.tokens("hospital", HOA, scope="openid", claims=claims)
    asked_for = {name: given.claims.get(name) for name in BOTH}
    assert asked_for == {
        "phone_number": None,
        "phone_number_verified": True,
        "email": EMAIL,
        "email_verified": None,
    }


async def test_a_portal_is_told_what_holds_now(service: Provider) -> None:
    await note_contacts(service, KHANG)
    browser = service.browser()
    assert await told(service, KHANG, browser, scope="openid phone email") == BOTH
    await note_contacts(service, KHANG, phone_number="+84950000009")
    account = await service.account(KHANG)
    assert await remove_contact(service.context(), account, ContactKind.EMAIL, "officer-1")
    assert not await remove_contact(service.context(), account, ContactKind.EMAIL, "officer-1")
    assert await told(service, KHANG, browser, scope="openid phone email") == {
        "phone_number": "+84950000009",
        "phone_number_verified": True,
    }


async def test_who_did_not_register_the_scope_is_told_nothing(service: Provider) -> None:
    await note_contacts(service, HOA)
    claims = '{"userinfo":{"email":{"essential":true},"phone_number":null}}'
    given = await service.tokens("ministry", HOA, claims=claims)
    answer = (await service.portal("ministry").userinfo(given.access_token)).json()
    assert not answer.keys() & BOTH.keys()


async def test_the_account_page_shows_them_and_who_changed_them(service: Provider) -> None:
    browser = service.browser()
    await service.sign_in(await browser.open("/account"), HEN)
    page = await browser.open("/account?lang=en")
    assert "neither a telephone number nor an e-mail address" in page.text
    await note_contacts(service, HEN)
    page = await browser.open("/account")
    assert page.told("phone_number").startswith("+84 950 000 001")
    assert page.told("email").startswith(EMAIL)
    assert "An officer has checked that it is yours." in page.text
    assert "Nobody has checked yet that it is yours." in page.text
    assert page.text.count("changed by an officer") == 2


async def test_nothing_is_kept_or_logged_in_the_clear(service: Provider) -> None:
    await note_contacts(service, SUONG)
    account = await service.account(SUONG)
    rows = await service.db.fetch_all(contacts.select().where(contacts.c.account_id == account.account_id))
    assert len(rows) == 2
    kept = b"".join(bytes(row["sealed"]) for row in rows)
    changes = await service.events("contact.changed")
    events = [event for event in changes if event.account_id == account.account_id]
    assert [event.details["contact"] for event in events] == ["phone_number", "email"]
    for secret in (PHONE_NUMBER, EMAIL):
        assert secret.encode() not in kept
        assert secret not in str(events)
        assert secret not in str(service.log.kept)


async def test_a_row_opens_nowhere_else(one: Provider) -> None:
    """Who can write to the database cannot give one person another's address."""
    await note_contacts(one, HOA)
    await note_contacts(one, AN, email="an@thu.example")
    hoa, an = await one.account(HOA), await one.account(AN)
    rows = {(row["account_id"], row["kind"]): row for row in await one.db.fetch_all(contacts.select())}
    swap = contacts.update().where(contacts.c.account_id == hoa.account_id, contacts.c.kind == "email")
    await one.db.write(
        Step(swap.values(sealed=bindparam("other")), {"other": rows[an.account_id, "email"]["sealed"]})
    )
    with pytest.raises(SealBroken):
        await of_account(one.db, one.keyring, hoa.account_id)
