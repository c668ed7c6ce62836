"""From an exception to an answer: the one place where errors become HTTP."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from idp.errors import OAuthError, PageError, Unavailable
from idp.http import responses
from idp.http.challenges import challenge, status_of
from idp.http.cookies import Cookies
from idp.http.language import chosen_language, has_query, language_of, other_language, same_page
from idp.http.refusal import NO_HEADERS, Refusal
from idp.http.routing import Kind
from idp.pages.errors import ERROR_PAGES
from idp.pages.render import Pages
from idp.pages.views import BELOW, ErrorPage
from idp.store.outages import is_outage
from keys.jose import SignerUnavailable
from keys.keyring import NoActiveKey

logger = logging.getLogger("motcua.failures")

RETRY_SECONDS: Final = 5

_PAGE_OF_ERROR: Final = {"server_error": "server_error", "temporarily_unavailable": "busy"}
_ERROR_OF_STATUS: Final = {
    404: "not_found",
    429: "temporarily_unavailable",
    500: "server_error",
    503: "temporarily_unavailable",
}


class Failures:
    """Translates for one installation."""

    def __init__(self, pages: Pages, cookies: Cookies, issuer: str) -> None:
        self._pages = pages
        self._cookies = cookies
        self._issuer = issuer

    def answer(self, error: Exception, request: Request, kind: Kind, request_id: str) -> Response:
        """The answer to a request that failed; what the caller must not know goes to our log."""
        if is_outage(error) or isinstance(error, (SignerUnavailable, NoActiveKey)):
            logger.error("dependency unavailable: %r", error, extra={"request_id": request_id})
            error = Unavailable(str(error), retry_after=RETRY_SECONDS)
        match error:
            case OAuthError():
                _log_detail(error.error, error.detail, request_id)
                return self._oauth(error, request, kind, request_id)
            case PageError():
                _log_detail(error.page, error.detail, request_id)
                return self._person(error, request, kind, request_id)
            case Refusal():
                return self._refusal(error, request, kind, request_id)
            case Unavailable():
                return self._unavailable(error, request, kind, request_id)
            case _:
                logger.error("unexpected error", exc_info=error, extra={"request_id": request_id})
                return self._refusal(Refusal(500, "server_error", ""), request, kind, request_id)

    def _oauth(self, error: OAuthError, request: Request, kind: Kind, request_id: str) -> Response:
        if kind is Kind.PAGE:
            page = _PAGE_OF_ERROR.get(error.error, "invalid_request")
            technical = f"{error.error}: {error.description}" if error.description else error.error
            return self._page(
                ErrorPage(error=page, request_id=request_id, technical=technical), request, error.status
            )
        return _document(
            error.error,
            error.description,
            status_of(error, request),
            challenge(error, request, self._issuer),
        )

    def _person(self, error: PageError, request: Request, kind: Kind, request_id: str) -> Response:
        if kind is Kind.JSON:
            return _document(_ERROR_OF_STATUS.get(error.status, "invalid_request"), "", error.status)
        page = error.page if error.page in ERROR_PAGES else "server_error"
        view = ErrorPage(
            error=page,
            request_id=request_id,
            restart_url=error.way_on,
            back_url=error.back_url,
            client_name=error.client_name,
        )
        return self._page(view, request, error.status)

    def _refusal(self, error: Refusal, request: Request, kind: Kind, request_id: str) -> Response:
        if kind is Kind.JSON:
            name = _ERROR_OF_STATUS.get(error.status, "invalid_request")
            return _document(name, error.description, error.status, error.headers)
        view = ErrorPage(error=error.page, request_id=request_id, technical=error.description)
        return self._page(view, request, error.status, error.headers)

    def _unavailable(self, error: Unavailable, request: Request, kind: Kind, request_id: str) -> Response:
        _log_detail("unavailable", error.detail, request_id)
        refusal = Refusal(503, "busy", "", headers={"retry-after": str(error.retry_after)})
        return self._refusal(refusal, request, kind, request_id)

    def _page(
        self, view: ErrorPage, request: Request, status: int, headers: Mapping[str, str] = NO_HEADERS
    ) -> Response:
        """A page of ours can be asked for again in the other language; any other answer says everything in both.

        An error page repeats nothing that came with the request, so a link is for addresses of ours without a query.
        """
        locale = language_of(request, self._cookies, request.query_params.get("ui_locales", ""))
        strange = view.error == "not_found" or has_query(request)
        again = "" if strange else same_page(request, other_language(locale), ())
        shown = view if again else replace(view, in_both_languages=True)
        answer = responses.page(
            self._pages, shown, locale, status=status, switch_url=again or f"#{BELOW}", headers=headers
        )
        if chosen_language(request) is not None:
            self._cookies.keep_language(answer, locale)
        return answer


def _document(error: str, description: str, status: int, headers: Mapping[str, str] = NO_HEADERS) -> Response:
    """RFC 6749 §5.2."""
    body = {"error": error, "error_description": description} if description else {"error": error}
    return responses.json(body, status=status, headers=headers)


def _log_detail(what: str, detail: str, request_id: str) -> None:
    if detail:
        logger.info("%s: %s", what, detail, extra={"request_id": request_id})
