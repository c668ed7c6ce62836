"""How the citizens of the small country can be reached."""

from __future__ import annotations

from typing import Final

from idp.accounts.contacts import keep_contact
from idp.store.contacts import ContactKind
from tests.support.population import Citizen
from tests.support.provider import Provider

PHONE_NUMBER: Final = "+84950000001"
EMAIL: Final = "nguyen.thi.hoa@thu.example"


async def note_contacts(
    provider: Provider, citizen: Citizen, phone_number: str = PHONE_NUMBER, email: str = EMAIL
) -> None:
    """An officer notes both, and has checked the number."""
    context, account = provider.context(), await provider.account(citizen)
    for kind, value in ((ContactKind.PHONE_NUMBER, phone_number), (ContactKind.EMAIL, email)):
        await keep_contact(
            context, account, kind, value, "officer-1", verified=kind is ContactKind.PHONE_NUMBER
        )
