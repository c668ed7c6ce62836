"""`/`, the style sheet and images, and the health of this worker."""

from __future__ import annotations

from starlette.requests import Request

from idp.endpoints.showing import show
from idp.endpoints.surroundings import Surroundings
from idp.http import health
from idp.http.responses import Answer
from idp.http.static import static_file
from idp.pages import views
from idp.store import sessions


async def front(request: Request, here: Surroundings) -> Answer:
    """What this is, and the ways to the account and to activation."""
    digest = here.shared.cookies.session_digest(request)
    session = None if digest is None else await sessions.find(here.context.db, digest, here.context.now)
    return show(request, here, views.Front(signed_in=session is not None))


async def static(request: Request, here: Surroundings) -> Answer:
    """A file of our own."""
    return static_file(request, here.shared.pages)


async def live(_request: Request, _here: Surroundings) -> Answer:
    """Whether this worker answers."""
    return health.live()


async def ready(_request: Request, here: Surroundings) -> Answer:
    """Whether this worker can serve."""
    return await health.ready(here.context.db, here.context.keyring)
