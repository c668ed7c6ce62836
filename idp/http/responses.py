"""The shapes of our answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response

from idp.http.refusal import NO_HEADERS
from idp.http.security_headers import content_security_policy, form_action_source
from idp.oidc.authorization_response import AuthorizationResponse
from idp.pages.i18n import Locale
from idp.pages.render import FORM_POST_SCRIPT_SHA256, Pages
from idp.pages.views import FormPost, View

_JSON: Final = b"application/json"
_HTML: Final = b"text/html; charset=utf-8"
_ENTITY_TAG: Final = re.compile(r'(?:W/)?"([^"]*)"')
_URI_CHARACTERS: Final = "!#$%&'()*+,/:;=?@[]~"


class Answer(Response):
    """A response of ready bytes; Starlette's own constructor costs more than all its headers are worth."""

    def __init__(
        self, body: bytes, *, status: int = 200, media: bytes = b"", headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = [(b"content-length", b"%d" % len(body))]
        if media:
            self.raw_headers.append((b"content-type", media))
        self.raw_headers += [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
        ]


def json(value: object, *, status: int = 200, headers: Mapping[str, str] = NO_HEADERS) -> Answer:
    """A JSON document."""
    return Answer(orjson.dumps(value), status=status, media=_JSON, headers=headers)


def signed_jwt(token: str, *, media: str = "application/jwt") -> Answer:
    """A compact JWS, or a JWE around one, as the whole answer (OpenID Connect Core §5.3.2, RFC 9701 §5)."""
    return Answer(token.encode("ascii"), media=media.encode("ascii"))


def empty(status: int = 200) -> Answer:
    """No content, e.g. a revocation done (RFC 7009 §2.2)."""
    return Answer(b"", status=status)


def page(
    pages: Pages,
    view: View,
    locale: Locale,
    *,
    status: int = 200,
    csrf_token: str = "",
    switch_url: str = "",
    form_action_origin: str = "",
    headers: Mapping[str, str] = NO_HEADERS,
) -> Answer:
    """A page for a person; `form_action_origin` is where the answer to its form may lead besides ourselves."""
    body = pages.render(view, locale, csrf_token=csrf_token, switch_url=switch_url)
    policy = content_security_policy(form_action_origin=form_action_origin)
    return _html(body, locale, policy, status=status, headers=headers)


def see_other(location: str) -> Answer:
    """A redirect that the browser follows with GET: 303, never 307 (RFC 9700 §4.12)."""
    return Answer(b"", status=303, headers={"location": quote(location, safe=_URI_CHARACTERS)})


def refresh(location: str) -> dict[str, str]:
    """The header by which a page leads on as soon as it, and all that it loads, is there (HTML, `Refresh`)."""
    return {"refresh": f"0; url={quote(location, safe=_URI_CHARACTERS)}"}


def form_post(pages: Pages, locale: Locale, response: AuthorizationResponse) -> Answer:
    """The answer of the authorization endpoint as a form that sends itself (Form Post Response Mode 1.0 §2)."""
    redirect_uri = response.target.redirect_uri
    view = FormPost(redirect_uri=redirect_uri, parameters=response.parameters)
    policy = content_security_policy(
        form_action_origin=form_action_source(redirect_uri), script_hash=FORM_POST_SCRIPT_SHA256
    )
    return _html(pages.render(view, locale), locale, policy)


def prepared(
    request: Request,
    body: bytes,
    etag: str,
    *,
    max_age: int,
    media: str = "application/json",
    headers: Mapping[str, str] = NO_HEADERS,
) -> Answer:
    """A public document made ahead; 304 when the caller has it already (RFC 9110 §13.1.2). `etag` has its quotes."""
    kept = {"etag": etag, "cache-control": f"public, max-age={max_age}", **headers}
    if is_known(request, etag):
        return not_modified(kept)
    return Answer(body, media=media.encode("ascii"), headers=kept)


def is_known(request: Request, etag: str) -> bool:
    """Whether `If-None-Match` names this entity (weak comparison, RFC 9110 §8.8.3.2)."""
    asked = request.headers.get("if-none-match")
    if asked is None:
        return False
    return asked.strip() == "*" or etag.strip('"') in entity_tags(asked)


def entity_tags(field: str) -> tuple[str, ...]:
    """The entity tags of an `If-None-Match`, without quotes and whether weak or strong (RFC 9110 §8.8.3)."""
    return tuple(_ENTITY_TAG.findall(field))


def not_modified(headers: Mapping[str, str]) -> Answer:
    """304 with the headers that a 200 would have had (RFC 9110 §15.4.5)."""
    answer = Answer(b"", status=304, headers=headers)
    del answer.raw_headers[0]  # the length would be that of the document
    return answer


def _html(
    body: bytes, locale: Locale, policy: str, *, status: int = 200, headers: Mapping[str, str] = NO_HEADERS
) -> Answer:
    shown = {"content-language": locale, "content-security-policy": policy, **headers}
    return Answer(body, status=status, media=_HTML, headers=shown)
