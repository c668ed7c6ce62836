"""Pages about what services ask of a person who is elsewhere (CIBA): what each shows (see `views`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from idp.pages.views import ClientCard, View
from idp.pages.wording import RequestsDone


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLine:
    """One request that waits; `request_id` is the value of its buttons."""

    request_id: str
    client: ClientCard
    binding_message: str
    asked_at: int
    ends_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests(View):
    """`/account/requests`. Buttons `open`, `refuse` and `block` hold the id of their line.

    While nothing waits and the person is `watching`, the page loads itself anew.
    """

    template: ClassVar[str] = "requests.html"
    action: str = "/account/requests"
    requests: tuple[RequestLine, ...] = ()
    watching: bool = False
    done: RequestsDone | None = None
    watch_url: str = "/account/requests?watch=1"
    stop_url: str = "/account/requests"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalConfirm(View):
    """Is it you? Buttons `decision=confirm` and `decision=deny`; `shown` says whom the page was made for."""

    template: ClassVar[str] = "portal_confirm.html"
    action: str
    client: ClientCard
    person_name: str
    binding_message: str
    asked_at: int
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalDone(View):
    """The person has answered; the rest happens at the counter or on the telephone."""

    template: ClassVar[str] = "portal_done.html"
    client: ClientCard
    approved: bool
