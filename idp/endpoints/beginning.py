"""A request that needs the person is kept, and the browser led to its first page."""

from __future__ import annotations

import secrets
from typing import Final

from starlette.requests import Request

from idp.endpoints.surroundings import Surroundings
from idp.http import responses
from idp.http.cookies import fresh_cookie
from idp.http.responses import Answer
from idp.store import interactions

FIRST: Final = "/interaction/{}"


async def begin_interaction(
    request: Request, here: Surroundings, client_id: str | None, kept: str, first: str = FIRST
) -> Answer:
    """Keep what was asked (`kept`: JSON) for this browser; `client_id` is None for our own pages.

    `first` is the page that the browser is led to, with `{}` where the interaction's id stands.
    """
    cookies = here.shared.cookies
    digest, fresh = cookies.browser_digest(request), None
    if digest is None:
        fresh = fresh_cookie()
        digest = fresh.digest
    interaction_id = secrets.token_urlsafe(16)
    await interactions.keep(
        here.context.db,
        interaction_id,
        browser_digest=digest,
        client_id=client_id,
        request=kept,
        now=here.context.now,
    )
    answer = responses.see_other(first.format(interaction_id))
    if fresh is not None:
        cookies.keep_browser(answer, fresh)
    return answer
