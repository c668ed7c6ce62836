"""A provider of a few lines: what a portal sees of the real one, and every way in which it can be wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

ISSUER = "http://localhost:9000"
SUBJECT = "pairwise-subject-of-one-sector"
SID = "session-at-the-provider"
ENDPOINTS = {
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "userinfo_endpoint": f"{ISSUER}/userinfo",
    "jwks_uri": f"{ISSUER}/jwks",
    "end_session_endpoint": f"{ISSUER}/logout",
}
DATA = {
    "name": "NGUYỄN THỊ MẪU",
    "birthdate": "1984-03",
    "gender": "female",
    "vn_personal_id": {"scheme": "vn_pin", "value": "001184000012"},
}

Twist = Callable[[Any], Any]


def unchanged(value: Any) -> Any:
    """The right answer."""
    return value


@dataclass
class FakeProvider:
    """Signs everybody in at once. Each `twist_*` may spoil one answer; `error` refuses the authorization."""

    client_id: str
    portal_key: ECKey
    signed_userinfo: bool
    error: str | None = None
    issuer_parameter: str | None = ISSUER
    session_alive: bool = True
    steps_up: bool = True
    twist_claims: Twist = unchanged
    twist_id_token: Twist = unchanged
    twist_access_claims: Twist = unchanged
    twist_userinfo: Twist = unchanged
    twist_userinfo_body: Twist = unchanged
    twist_metadata: Twist = unchanged
    acr: str = f"{ISSUER}/acr/1"
    data: dict[str, Any] = field(default_factory=lambda: dict(DATA))
    auth_time: int = field(default_factory=lambda: int(time.time()) + 1)
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True))
    requests: list[dict[str, str]] = field(default_factory=list)
    assertions: list[dict[str, Any]] = field(default_factory=list)
    logouts: list[dict[str, str]] = field(default_factory=list)

    def app(self) -> Starlette:
        """The provider as an ASGI application."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.discovery),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/userinfo", self.userinfo),
                Route("/jwks", self.jwks),
                Route("/logout", self.logout, methods=["GET", "POST"]),
            ]
        )

    def sign(self, claims: dict[str, Any], *, typ: str = "JWT") -> str:
        """The claims signed as the provider signs."""
        return sign_with(self.key, claims, kid=self.key.kid, typ=typ)

    async def discovery(self, _request: Request) -> Response:
        """Discovery document."""
        document = {"issuer": ISSUER, **ENDPOINTS, "authorization_response_iss_parameter_supported": True}
        return JSONResponse(self.twist_metadata(document))

    async def jwks(self, _request: Request) -> Response:
        """Public keys."""
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def authorize(self, request: Request) -> Response:
        """Straight back to the portal, with a code or an error."""
        asked = dict(request.query_params)
        self.requests.append(asked)
        silent = asked.get("prompt") == "none"
        error = self.error or ("login_required" if silent and not self.session_alive else None)
        if "max_age" in asked:
            self.auth_time = int(time.time())
        wanted = json.loads(asked.get("claims", "{}")).get("id_token", {}).get("acr", {}).get("values")
        if wanted and self.steps_up:
            self.acr = wanted[0]
        answer = {"state": asked["state"]}
        answer |= {"error": error, "error_description": "<b>free text</b>"} if error else {"code": "the-code"}
        if self.issuer_parameter:
            answer["iss"] = self.issuer_parameter
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", status_code=303)

    async def token(self, request: Request) -> Response:
        """Checks the portal's assertion and PKCE, then gives both tokens."""
        form = dict(parse_qsl((await request.body()).decode()))
        asked = self.requests[-1]
        assertion = jwt.decode(
            form["client_assertion"],
            self.portal_key.public_key,
            ["ES256"],
            audience=ISSUER,
            issuer=self.client_id,
        )
        self.assertions.append(assertion)
        if _challenge(form["code_verifier"]) != asked["code_challenge"] or form["code"] != "the-code":
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        access_token = self.sign(self.twist_access_claims(self._access_claims()), typ="at+jwt")
        id_token = self.sign(self.twist_claims(self._identity_claims(asked["nonce"], access_token)))
        answer = {"access_token": access_token, "id_token": self.twist_id_token(id_token)}
        return JSONResponse({**answer, "token_type": "Bearer", "expires_in": 300})

    async def userinfo(self, request: Request) -> Response:
        """The person's data, signed or plain."""
        assert request.headers["authorization"].startswith("Bearer ")
        asked_for_data = "profile" in self.requests[-1]["scope"].split()
        claims = self.twist_userinfo({"sub": SUBJECT, **(self.data if asked_for_data else {})})
        if not self.signed_userinfo:
            return JSONResponse(claims)
        body = self.twist_userinfo_body(self.sign({"iss": ISSUER, "aud": self.client_id, **claims}))
        return Response(body, media_type="application/jwt")

    async def logout(self, request: Request) -> Response:
        """Ends the session and sends the browser where it asks."""
        asked = dict(parse_qsl((await request.body()).decode()))
        self.logouts.append({**asked, "query": request.url.query})
        return RedirectResponse(asked["post_logout_redirect_uri"], status_code=303)

    def _identity_claims(self, nonce: str, access_token: str) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": ISSUER,
            "sub": SUBJECT,
            "aud": self.client_id,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "auth_time": self.auth_time,
            "sid": SID,
            "acr": self.acr,
            "at_hash": _base64url(hashlib.sha256(access_token.encode()).digest()[:16]),
        }

    def _access_claims(self) -> dict[str, Any]:
        now = int(time.time())
        times = {"iat": now, "exp": now + 300}
        return {
            "iss": ISSUER,
            "sub": SUBJECT,
            "aud": self.requests[-1].get("resource", ISSUER),
            "client_id": self.client_id,
            "acr": self.acr,
            "auth_time": self.auth_time,
            "jti": "j",
            **times,
        }


def sign_with(key: ECKey, claims: dict[str, Any], *, kid: str | None, typ: str = "JWT") -> str:
    """The claims signed with any key under any name."""
    return jwt.encode(claims, key.as_pem(private=True), "ES256", headers={"kid": kid, "typ": typ})


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _challenge(verifier: str) -> str:
    return _base64url(hashlib.sha256(verifier.encode()).digest())
