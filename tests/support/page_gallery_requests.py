"""Pages about requests of services (CIBA) in their states, for the gallery."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from idp.pages.request_views import PortalConfirm, PortalDone, RequestLine, Requests
from idp.pages.views import Login, View
from idp.pages.wording import RequestsDone
from tests.support.page_samples import MINISTRY, NOON, PERSON, PROVINCE

_LINES: Final = (
    RequestLine(
        request_id="00" * 32,
        client=MINISTRY,
        binding_message="HS-2026/0412 quầy 3",
        asked_at=NOON,
        ends_at=NOON + 600,
    ),
    RequestLine(
        request_id="01" * 32, client=PROVINCE, binding_message="7F", asked_at=NOON - 60, ends_at=NOON + 540
    ),
)

REQUEST_PAGES: Final[list[tuple[str, View]]] = [
    ("requests", Requests(requests=_LINES)),
    ("requests-none", Requests()),
    ("requests-watching", Requests(watching=True)),
    *((f"requests-{done}", Requests(done=done)) for done in RequestsDone),
    (
        "portal-confirm",
        PortalConfirm(
            action="/interaction/3f1c/confirm",
            client=PROVINCE,
            person_name=PERSON,
            binding_message="HS-2026/0412 quầy 3",
            asked_at=NOON,
            shown="x",
        ),
    ),
    (
        "portal-login",
        Login(
            action="/interaction/3f1c/login",
            client=replace(MINISTRY, at_portal=True),
            cancel_action="/interaction/3f1c/cancel",
        ),
    ),
    ("portal-approved", PortalDone(client=PROVINCE, approved=True)),
    ("portal-refused", PortalDone(client=MINISTRY, approved=False)),
]
