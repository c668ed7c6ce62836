"""What our routes take, as an OpenAPI document made of the table of routes: the fuzzer reads it, nobody else.

A value written `zz-name-zz` stands for something that is worth something at this moment (see `tests.fuzz.live`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from idp.endpoints import activate, backchannel_authentication, device, introspection, revocation, token
from idp.endpoints.routes import ROUTES
from idp.oidc import authorization_request, end_session
from tests.support.delegation import ACCESS_TOKEN, DOSSIERS, TAXES
from tests.support.installation import ISSUER
from tests.support.population import HOA, NOBODYS_NUMBER
from tests.support.portals import ASSERTION_TYPE
from tests.support.provider import PASSWORD

SCRIPT: Final = '"><script>fuzz()</script>'
CALLBACK: Final = "https://dossiers.example/callback"
_NASTY: Final = [
    "",
    SCRIPT,
    "đường",
    "\u202e",
    "a b",
    "%",
    "a=b&c=d",
    "x" * 300,
    "{}",
    "null",
    "-1",
    "//evil.example",
]
_TOKENS: Final = [
    "zz-access-zz",
    "zz-refresh-zz",
    "zz-id_token-zz",
    "zz-api-zz",
    "a.b.c",
    "eyJhbGciOiJub25lIn0.e30.",
]
_GRANTS: Final = list(token.GRANT_TYPES)
_CLIENTS: Final = [
    "dossiers",
    "province",
    "machine-es256",
    "tv",
    "spa",
    "legacy-post",
    "reader",
    "call-centre",
    "nobody",
]
_FETCHED: Final = [
    "https://127.0.0.1:1/x",
    "https://[::1]/x",
    "http://169.254.169.254/",
]  # nowhere: no name is looked up
_URIS: Final = [
    CALLBACK,
    "https://province.example/callback",
    "https://evil.example/",
    "javascript:alert(1)",
    ISSUER,
]

VALUES: Final[Mapping[str, Sequence[str]]] = {
    "client_id": _CLIENTS,
    "redirect_uri": _URIS,
    "post_logout_redirect_uri": ["https://dossiers.example/bye", *_URIS],
    "response_type": ["code", "token", "code id_token", "none"],
    "response_mode": ["query", "form_post", "jwt", "form_post.jwt", "fragment", "web_message"],
    "scope": ["openid", "openid profile org", "openid profile address phone email", "procedures:read", "openid openid"],
    "state": ["s", SCRIPT, "đường", "x" * 300],
    "nonce": ["n", SCRIPT],
    "code_challenge": ["zz-challenge-zz", "short"],
    "code_challenge_method": ["S256", "plain"],
    "prompt": ["none", "login", "consent", "select_account", "create", "none login"],
    "display": ["page", "popup", "touch", "wap"],
    "max_age": ["0", "1", "99999999999999999999", "-1"],
    "ui_locales": ["vi", "en", "vi-VN en fr", "zz"],
    "claims_locales": ["vi", "en-GB"],
    "acr_values": ["LoA2", f"{ISSUER}/acr/2", "nothing"],
    "claims": [
        "{}", '{"userinfo":{"name":null}}', '{"id_token":{"acr":{"essential":true,"values":["LoA2"]}}}', "[",
        '{"id_token":{"sub":{"value":"x"}}}', '{"userinfo":[]}', '{"userinfo":{"name":{"essential":7}}}',
    ],
    "request": ["zz-request-zz", "zz-asked_elsewhere-zz", "zz-unsigned_request-zz", *_TOKENS],
    "request_uri": ["zz-pushed-zz", "https://127.0.0.1:1/request", *_FETCHED, "urn:ietf:params:oauth:request_uri:x"],
    "dpop_jkt": ["zz-challenge-zz", "short"],  # as long as a thumbprint
    "registration": ["{}"],
    "login_hint": [HOA.number, "a@b.example", SCRIPT],
    "id_token_hint": _TOKENS,
    "logout_hint": ["zz-sid-zz", SCRIPT],
    "resource": [DOSSIERS, TAXES, ISSUER, "x#y"],
    "audience": [TAXES],
    "grant_type": [*_GRANTS, "password", "implicit"],
    "code": ["zz-code-zz", "zz-activation_code-zz", "zz-totp-zz", "000000", "x"],
    "code_verifier": ["zz-verifier-zz", "short"],
    "refresh_token": ["zz-refresh-zz", "zz-access-zz", "rt.x.y"],
    "device_code": ["zz-device_code-zz", "x"],
    "auth_req_id": ["zz-auth_req_id-zz", "x"],
    "open": ["zz-request_id-zz", "x"],
    "refuse": ["zz-request_id-zz", "x"],
    "block": ["zz-request_id-zz", "x"],
    "user_code": ["zz-user_code-zz", "BCDF-GHJK", "bcdf ghjk", "Đ"],
    "client_secret": ["zz-post_secret-zz", "wrong", ""],
    "client_assertion": ["zz-assertion-zz", *_TOKENS],
    "client_assertion_type": [ASSERTION_TYPE, "x"],
    "token": _TOKENS,
    "access_token": _TOKENS,
    "token_type_hint": ["access_token", "refresh_token", "x"],
    "subject_token": _TOKENS,
    "subject_token_type": [ACCESS_TOKEN, "urn:ietf:params:oauth:token-type:id_token"],
    "requested_token_type": [ACCESS_TOKEN],
    "actor_token": _TOKENS,
    "actor_token_type": [ACCESS_TOKEN],
    "csrf_token": ["zz-csrf-zz", "zz-csrf-zz", "zz-csrf-zz", "AAAA"],
    "personal_number": [HOA.number, NOBODYS_NUMBER, "1", SCRIPT],
    "password": [PASSWORD, "sai", "x" * 600],
    "password_again": [PASSWORD, "sai"],
    "acting_for": ["self", "o-hoa-binh", SCRIPT],
    "decision": ["allow", "deny", "continue", "confirm", "cancel", "logout", "stay", "x"],
    "claim": ["name", "birthdate", "x"],
    "shown": ["zz-shown-zz", "x"],
    "confirm": ["yes", "x"],
    "when": ["always", "asked", "x"],
    "session": ["zz-sid-zz", "x"],
    "consent": ["province", "x"],
    "lang": ["vi", "en", "x"],
    "done": ["x", "added", "//evil.example"],
    "before": ["x", "//evil.example", "0", "99999999999999999999"],
    "guardian": ["yes"],
}  # fmt: skip
"""What each parameter may plausibly be."""

_CLIENT: Final = ("client_id", "client_secret", "client_assertion", "client_assertion_type")
_OF_PAGES: Final = ("csrf_token", "lang", "ui_locales", "done", "before")
FORMS: Final[Mapping[str, Iterable[str]]] = {
    "/authorize": authorization_request.KNOWN_PARAMETERS,
    "/par": {*authorization_request.KNOWN_PARAMETERS, *_CLIENT},
    "/token": (*token.KNOWN, *_CLIENT),
    "/userinfo": ("access_token",),
    "/jwks": ("client_assertion",),
    "/revoke": (*revocation.KNOWN, *_CLIENT),
    "/introspect": (*introspection.KNOWN, *_CLIENT),
    "/device_authorization": ("scope", "resource", *_CLIENT),
    "/bc-authorize": (*backchannel_authentication.KNOWN, *_CLIENT),
    "/logout": (*end_session.KNOWN_PARAMETERS, *_OF_PAGES, "decision", "asked"),
    device.PATH: ("user_code", *_OF_PAGES),
    activate.PATH: ("personal_number", "code", "guardian", *_OF_PAGES),
    activate.PASSWORD_PATH: ("password", "password_again", *_OF_PAGES),
}
"""Parameters by path; pages that are not named take those of all pages."""
_ANY_PAGE: Final = (
    *_OF_PAGES, "personal_number", "password", "code", "acting_for", "decision", "claim", "shown", "confirm", "when",
    "session", "consent", "client_id", "open", "refuse", "block",
)  # fmt: skip
_BASIC: Final = ["Basic zz-basic-zz", "Basic zz-api_basic-zz", "Basic Og==", "Basic ///"]
HEADERS: Final[Mapping[str, Sequence[str]]] = {
    "Authorization": [
        *_BASIC,
        *(f"Bearer {one}" for one in (*_TOKENS, "zz-initial-zz", "zz-management-zz")),
        *(f"DPoP {one}" for one in ("zz-bound-zz", "zz-bound-zz", "zz-access-zz", "a.b.c")),
        "Bearer",
    ],
    "DPoP": ["a.b.c", "zz-proof-zz", "zz-bound_proof-zz"],
    "Accept": ["text/html", "application/json", "application/token-introspection+jwt", "*/*;q=2", "x"],
    "Accept-Language": ["vi", "en;q=0.1, vi;q=x", "*"],
    "Origin": ["https://spa.example", "https://evil.example", "null", ISSUER],
    "Access-Control-Request-Method": ["POST", "x"],
    "Sec-Fetch-Site": ["same-origin", "same-origin", "none", "cross-site"],
    "If-None-Match": ["*", '"x"', "W/"],
}
COOKIES: Final[Mapping[str, Sequence[str]]] = {
    "__Host-motcua-session": ["zz-session-zz", "zz-session-zz", "x"],
    "__Host-motcua-browser": ["zz-browser-zz", "zz-browser-zz", "x"],
    "__Host-motcua-activation": ["zz-browser-zz"],
    "motcua-language": ["vi", "en", "x"],
}
PATHS: Final[Mapping[str, Sequence[str]]] = {
    "client_id": ["zz-registered-zz", "hospital", "nobody"],
    "interaction_id": ["zz-interaction-zz", "zz-login-zz", "zz-choice-zz", "x"],
    "address": ["0/000", "0/000.p/5", "entries/000", "x"],
    "name": ["x.css", "motcua.css"],
}
_METADATA: Final[dict[str, Any]] = {
    "client_name": {"type": "string", "enum": ["Cổng thử", "Cổng dịch vụ công của Bộ", SCRIPT, "\u202e"]},
    "redirect_uris": {
        "type": "array",
        "items": {"type": "string", "enum": ["https://self.example/cb", *_URIS]},
    },
    "post_logout_redirect_uris": {"type": "array", "items": {"type": "string"}},
    "grant_types": {"type": "array", "items": {"type": "string", "enum": _GRANTS}},
    "response_types": {"type": "array", "items": {"type": "string", "enum": ["code", "token"]}},
    "token_endpoint_auth_method": {
        "type": "string",
        "enum": ["none", "client_secret_basic", "private_key_jwt"],
    },
    "scope": {"type": "string"},
    "jwks": {"type": "object", "properties": {"keys": {"type": "array", "items": {"type": "object"}}}},
    "jwks_uri": {"type": "string", "enum": _FETCHED},
    "sector_identifier_uri": {"type": "string", "enum": _FETCHED},
    "logo_uri": {"type": "string", "enum": _FETCHED},
    "contacts": {"type": "array", "items": {"type": "string"}},
    "default_max_age": {"type": ["integer", "string"]},
    "require_auth_time": {"type": "boolean"},
    "software_statement": {"type": "string", "enum": _TOKENS},
    "id_token_signed_response_alg": {"type": "string", "enum": ["ES256", "RS256", "none", "HS256"]},
    "client_id": {"type": "string", "enum": ["zz-registered-zz", "ministry"]},
}


def _plausible(values: Sequence[str]) -> dict[str, Any]:
    return {"type": "string", "enum": [*values, *_NASTY]}


def _parameter(where: str, name: str, values: Sequence[str], *, required: bool = False) -> dict[str, Any]:
    return {"in": where, "name": name, "required": required, "schema": _plausible(values)}


def _names(path: str) -> list[str]:
    return sorted(set(FORMS.get(path, _ANY_PAGE)) & VALUES.keys())


def _parameters(path: str, method: str) -> list[dict[str, Any]]:
    named = re.findall(r"\{(\w+)\}", path)
    within = [
        {
            "in": "path",
            "name": name,
            "required": True,
            "schema": {"type": "string", "enum": list(PATHS[name])},
        }
        for name in named
    ]
    asked = (
        []
        if method not in {"GET", "HEAD"}
        else [_parameter("query", one, VALUES[one]) for one in _names(path)]
    )
    headers = [_parameter("header", name, values) for name, values in HEADERS.items()]
    cookies = [_parameter("cookie", name, values) for name, values in COOKIES.items()]
    return [*within, *asked, *headers, *cookies]


def _body(path: str) -> dict[str, Any]:
    if path.startswith("/register"):
        return {"content": {"application/json": {"schema": {"type": "object", "properties": _METADATA}}}}
    properties = {name: _plausible(VALUES[name]) for name in _names(path)}
    form = {"schema": {"type": "object", "properties": properties, "additionalProperties": False}}
    return {"content": {"application/x-www-form-urlencoded": form}}


def _operation(path: str, method: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "parameters": _parameters(path, method),
        "responses": {"default": {"description": "whatever it is"}},
    }
    if method in {"POST", "PUT"}:
        operation["requestBody"] = _body(path)
    return operation


def document() -> dict[str, Any]:
    """The document of all routes."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        path = re.sub(r":\w+\}", "}", route.path)
        paths[path] = {
            method.lower(): _operation(path, method) for method in route.methods if method != "OPTIONS"
        }
    return {"openapi": "3.1.0", "info": {"title": "routes", "version": "1"}, "paths": paths}
