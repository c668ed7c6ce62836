"""The account page in its states, for the gallery."""

from __future__ import annotations

from typing import Final

from idp.assurance import AccountLevel
from idp.pages.views import (
    Account,
    ConsentLine,
    ContactLine,
    HistoryLine,
    ReleaseLine,
    SessionLine,
    View,
)
from idp.pages.wording import Basis, Done, HistoryEvent
from tests.support.page_gallery_mandate import MANDATES
from tests.support.page_samples import HIGHLAND_PERSON, LAW, MINISTRY, NOON, PERSON, PROVINCE

_FULL_ACCOUNT: Final = Account(
    name=PERSON,
    number_ending="0001",
    level=AccountLevel.LEVEL_02,
    contacts=(
        ContactLine(claim="phone_number", value="+84912345678", verified=True),
        ContactLine(
            claim="email", value="quynh.huong.thao.nguyen.phuoc.bao@thu-dien-tu.example", verified=False
        ),
    ),
    sessions=(
        SessionLine(
            session_id="s1",
            device="Chrome, Android",
            began_at=NOON - 5400,
            seen_at=NOON,
            current=True,
            portals=(MINISTRY.name, PROVINCE.name),
        ),
        SessionLine(
            session_id="s2", device="Firefox, Windows", began_at=NOON - 90_000, seen_at=NOON - 80_000
        ),
        SessionLine(
            session_id="s3", device="Safari, iPhone", began_at=NOON - 190_000, seen_at=NOON - 180_000
        ),
    ),
    consents=(
        ConsentLine(
            consent_id="c1",
            client_name=PROVINCE.name,
            agency=PROVINCE.agency,
            claims=("name", "birthdate", "phone_number"),
            given_at=NOON - 86_400,
        ),
        ConsentLine(
            consent_id="c2",
            client_name=MINISTRY.name,
            agency=MINISTRY.agency,
            claims=(),
            given_at=NOON - 86_400,
            details=MANDATES,
        ),
    ),
    releases=(
        ReleaseLine(
            client_name=MINISTRY.name,
            agency=MINISTRY.agency,
            claims=("name", "birthdate", "vn_personal_id"),
            basis=Basis.STATUTORY_TASK,
            last_at=NOON,
            legal_reference=LAW,
        ),
        ReleaseLine(
            client_name=PROVINCE.name,
            agency=PROVINCE.agency,
            claims=("name", "birthdate", "phone_number"),
            basis=Basis.CONSENT,
            last_at=NOON - 86_400,
        ),
    ),
    history=tuple(
        HistoryLine(
            at=NOON - 7200 * index,
            event=event,
            client_name=MINISTRY.name if event is HistoryEvent.PORTAL_ENTERED else "",
            device="Chrome, Android" if index % 2 == 0 else "",
        )
        for index, event in enumerate(HistoryEvent)
    ),
    older_url="/account?before=1795327920",
)

ACCOUNT_PAGES: Final[list[tuple[str, View]]] = [
    ("account", _FULL_ACCOUNT),
    ("account-empty", Account(name=HIGHLAND_PERSON, number_ending="0001", level=AccountLevel.LEVEL_01)),
    *(
        (
            f"account-{done}",
            Account(name=HIGHLAND_PERSON, number_ending="0001", level=AccountLevel.LEVEL_02, done=done),
        )
        for done in Done
    ),
]
