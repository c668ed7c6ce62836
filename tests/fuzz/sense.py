"""Requests that make sense, by path: what a generated case is laid over, so that it gets past the first checks.

Without it one request in ten thousand would have the right client, challenge and form token at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemathesis import Case
from schemathesis.core import NotSet

from idp.oidc.grant_types import CIBA, DEVICE_CODE
from tests.fuzz.document import CALLBACK
from tests.support.delegation import ACCESS_TOKEN, EXCHANGE, TAXES
from tests.support.population import HOA
from tests.support.portals import ASSERTION_TYPE
from tests.support.provider import PASSWORD
from tests.support.registering import PORTAL

Parts = Mapping[str, Any]

_SIGNED_IN: Final = {"__Host-motcua-session": "zz-session-zz", "__Host-motcua-browser": "zz-browser-zz"}
_BASIC: Final = {"Authorization": "Basic zz-basic-zz"}
_CSRF: Final = {"csrf_token": "zz-csrf-zz"}
_CHALLENGE: Final = {"code_challenge": "zz-challenge-zz", "code_challenge_method": "S256"}
_ASKED: Final = {"response_type": "code", "scope": "openid profile", **_CHALLENGE}
_DOSSIERS: Final = {**_ASKED, "client_id": "dossiers", "redirect_uri": CALLBACK}
_READER: Final = {**_ASKED, "client_id": "reader", "redirect_uri": "https://reader.example/callback"}
_BY_ASSERTION: Final = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": "zz-assertion-zz"}
_COUNTER: Final = {**_BY_ASSERTION, "client_assertion": "zz-counter_assertion-zz"}
_METADATA: Final = {**PORTAL, "client_name": "Cổng thử", "token_endpoint_auth_method": "none"}
_CODE: Final = {
    "grant_type": "authorization_code",
    "code": "zz-code-zz",
    "code_verifier": "zz-verifier-zz",
    "redirect_uri": CALLBACK,
}
_EXCHANGED: Final = {
    "grant_type": EXCHANGE,
    "subject_token": "zz-api-zz",
    "subject_token_type": ACCESS_TOKEN,
    "resource": TAXES,
}


def _page(headers: Parts | None = None, **form: Any) -> Parts:
    return {"cookies": _SIGNED_IN, "headers": headers or {}, "query": {}, "body": {**_CSRF, **form}}


def _asks(**query: str) -> Parts:
    return {"cookies": _SIGNED_IN, "query": query, "body": query}


def _posts(headers: Parts, **body: Any) -> Parts:
    return {"headers": headers, "body": body}


def _bearer(name: str, **body: Any) -> Parts:
    return _posts({"Authorization": f"Bearer zz-{name}-zz"}, **body)


SENSE: Final[Mapping[str, tuple[Parts, ...]]] = {
    "/authorize": (
        _asks(**_DOSSIERS), _asks(**_DOSSIERS, response_mode="form_post"),
        _asks(**_DOSSIERS, id_token_hint="zz-id_token-zz"),
        _asks(client_id="dossiers", request_uri="zz-pushed-zz"), _asks(**_DOSSIERS, response_mode="jwt"),
        _asks(**_READER, request="zz-request-zz"), _asks(**_READER, request_uri="https://127.0.0.1:1/request"),
    ),
    "/par": (
        _posts(_BASIC, **_DOSSIERS), _posts({}, **{**_DOSSIERS, "client_id": "spa"}),
        _posts({**_BASIC, "DPoP": "zz-pushed_proof-zz"}, **_DOSSIERS, response_mode="jwt"),
    ),
    "/token": (
        _posts(_BASIC, **_CODE),
        _posts(_BASIC, grant_type="refresh_token", refresh_token="zz-refresh-zz"),
        _posts({}, **_BY_ASSERTION, grant_type="client_credentials"),
        _posts({}, client_id="tv", grant_type=DEVICE_CODE, device_code="zz-device_code-zz"),
        _posts({}, **_COUNTER, grant_type=CIBA, auth_req_id="zz-auth_req_id-zz"),
        _posts({"Authorization": "Basic zz-api_basic-zz"}, **_EXCHANGED),
    ),
    "/revoke": (_posts(_BASIC, token="zz-access-zz"), _posts(_BASIC, token="zz-refresh-zz"), _posts(_BASIC)),
    "/introspect": (
        _posts(_BASIC, token="zz-access-zz"), _posts(_BASIC, token="zz-refresh-zz"),
        _posts({**_BASIC, "Accept": "application/token-introspection+jwt"}, token="zz-access-zz"),
    ),
    "/device_authorization": (_posts({}, client_id="tv", scope="openid"),),
    "/bc-authorize": (_posts({}, **_COUNTER, request="zz-asked_elsewhere-zz"),),
    "/userinfo": (_bearer("access"), _posts({}, access_token="zz-access-zz")),
    "/jwks": (_asks(client_assertion="zz-assertion-zz"),),
    "/logout": (
        _asks(id_token_hint="zz-id_token-zz", post_logout_redirect_uri="https://dossiers.example/bye"),
        _asks(client_id="dossiers", logout_hint="zz-sid-zz"), _page(decision="stay"),
    ),
    "/register": (_bearer("initial", **_METADATA),),
    "/register/{client_id}": (_bearer("management", **_METADATA, client_id="zz-registered-zz"),),
    "/device": (_page(user_code="zz-user_code-zz"), _asks(user_code="zz-user_code-zz")),
    "/activate": (_page(personal_number=HOA.number, code="zz-activation_code-zz"),),
    "/activate/password": (_page(password=PASSWORD, password_again=PASSWORD),),
    "/interaction/{interaction_id}/login": (_page(personal_number=HOA.number, password="sai mật khẩu"),),
    "/interaction/{interaction_id}/consent": (
        _page(decision="allow", claim="name", shown="zz-shown-zz"), _page(decision="deny", shown="zz-shown-zz"),
    ),
    "/interaction/{interaction_id}/representation": (_page(acting_for="self"),),
    "/interaction/{interaction_id}/confirm": (_page(decision="confirm", shown="zz-shown-zz"),),
    "/interaction/{interaction_id}/second-factor": (_page(code="000000"), _page(decision="lacking")),
    "/account/authenticator/confirm": (_page(code="000000"),),
    "/account/authenticator/when": (_page(when="always"),),
    "/account/requests": (_page(open="zz-request_id-zz"), _page(refuse="zz-request_id-zz"), _asks(watch="1")),
    "/account/sessions/end": (_page(session="zz-sid-zz"),),
    "/account/consents/withdraw": (_page(consent="x"),),
}  # fmt: skip
_ANY_PAGE: Final = (_page(),)


def senses(path: str) -> tuple[Parts, ...]:
    """What makes sense at a path."""
    return SENSE.get(path, _ANY_PAGE)


def lay_over(case: Case[Any], sense: Parts, left_out: int) -> None:
    """Put everything that makes sense into a case, but for one parameter, which stays as it was generated."""
    names = [(part, name) for part in sense for name in sense[part]]
    for number, (part, name) in enumerate(names):
        if number != left_out:
            _put(case, part, name, sense[part][name])


def _put(case: Case[Any], part: str, name: str, value: Any) -> None:
    if part == "query" and case.method.upper() != "GET":
        return
    held = getattr(case, part)
    if part == "body":
        if isinstance(held, dict):
            held[name] = value
        elif isinstance(held, NotSet) and case.media_type is not None:
            case.body = {name: value}
        return
    held[name] = value
