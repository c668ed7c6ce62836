"""In which language a page answers a request, and where the same page is in the other one."""

from __future__ import annotations

from collections.abc import Container
from typing import Final
from urllib.parse import quote

from starlette.requests import Request

from idp.http.cookies import Cookies
from idp.pages.i18n import LOCALES, Locale, negotiate

PARAMETER: Final = "lang"
LONGEST_QUERY: Final = 4096
"""Characters of a query that a link may repeat; with what the switch adds it stays below every limit."""

_URI_CHARACTERS: Final = "!$%&'()*+,/:;=?@[]~"


def chosen_language(request: Request) -> Locale | None:
    """The language that the person asked for with the switch on the page."""
    asked = request.query_params.get(PARAMETER)
    return next((locale for locale in LOCALES if locale == asked), None)


def language_of(request: Request, cookies: Cookies, ui_locales: str = "") -> Locale:
    """The switch wins, then what was chosen before, then `ui_locales` of the portal, then the browser."""
    chosen = chosen_language(request) or cookies.language(request)
    wished = ui_locales if chosen is None else ""
    return negotiate(wished or None, chosen, request.headers.get("accept-language"))


def other_language(locale: Locale) -> Locale:
    """The language that the switch offers."""
    return next(candidate for candidate in LOCALES if candidate != locale)


def same_page(request: Request, language: Locale, known: Container[str]) -> str:
    """The address of this request in a language; empty where no link can ask for it again.

    Of the query the `known` parameters come back. Our pages repeat nothing else that somebody put into an address.
    """
    parts = _query(request)
    if request.method not in {"GET", "HEAD"} or sum(map(len, parts)) > LONGEST_QUERY:
        return ""
    kept = [part for part in parts if part.partition("=")[0] in known]
    return f"{path_of(request)}?{quote('&'.join([*kept, f'{PARAMETER}={language}']), safe=_URI_CHARACTERS)}"


def path_of(request: Request) -> str:
    """The path of this request as it stands in an address: made of no header, and of no other part of the address."""
    # Two slashes in front would lead to another host.
    return quote("/" + request.scope["path"].lstrip("/"), safe="!$&'()*+,/:;=@~")


def has_query(request: Request) -> bool:
    """Whether the address holds more than a path and a language."""
    return bool(_query(request))


def _query(request: Request) -> list[str]:
    """The parts of the query, but for the language."""
    query = request.scope["query_string"].decode("latin-1")
    return [part for part in query.split("&") if part and part.partition("=")[0] != PARAMETER]
