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

from examples.portal.way import WAYS, Way
from tests.unit.examples.fake_dpop import BadProof, Proofs

ISSUER = "http://localhost:9000"
SUBJECT = "pairwise-subject-of-one-sector"
SID = "session-at-the-provider"
ENDPOINTS = {
    "pushed_authorization_request_endpoint": f"{ISSUER}/par",
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
    way: Way = WAYS["oidc"]
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
    twist_answer: Twist = unchanged
    twist_token: Twist = unchanged
    refuses_pushed: str = ""
    acr: str = f"{ISSUER}/acr/1"
    data: dict[str, Any] = field(default_factory=lambda: dict(DATA))
    auth_time: int = field(default_factory=lambda: int(time.time()) + 1)
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True))
    proofs: Proofs = field(default_factory=Proofs)
    pushed: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    assertions: list[dict[str, Any]] = field(default_factory=list)
    exchanges: list[dict[str, str]] = field(default_factory=list)
    logouts: list[dict[str, str]] = field(default_factory=list)

    def app(self) -> Starlette:
        """The provider as an ASGI application."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.discovery),
                Route("/par", self.par, methods=["POST"]),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/userinfo", self.userinfo),
                Route("/jwks", self.jwks),
                Route("/logout", self.logout, methods=["GET", "POST"]),
            ],
            exception_handlers={BadProof: _told},
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

    async def par(self, request: Request) -> Response:
        """Keeps a request for the browser that comes with its name (RFC 9126)."""
        self.proofs.check(request)
        form = await self._form_of_portal(request)
        if self.refuses_pushed:
            return JSONResponse({"error": self.refuses_pushed}, status_code=400)
        name = f"urn:ietf:params:oauth:request_uri:{len(self.pushed)}"
        self.pushed[name] = self._signed_request(form) if self.way.signs else form
        return JSONResponse({"request_uri": name, "expires_in": 90}, status_code=201)

    async def authorize(self, request: Request) -> Response:
        """Straight back to the portal, with a code or an error."""
        asked: dict[str, Any] = dict(request.query_params)
        if self.way.pushes:
            assert asked.keys() == {"client_id", "request_uri"}
            asked = self.pushed.pop(asked["request_uri"])
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
        if self.way.signs:
            assert asked["response_mode"] == "jwt"
            signed = self.sign(
                self.twist_answer(answer | {"aud": self.client_id, "exp": int(time.time()) + 300})
            )
            answer = {"response": signed}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", status_code=303)

    async def token(self, request: Request) -> Response:
        """Checks the portal's assertion, its proof and PKCE, then gives both tokens."""
        bound = {"cnf": {"jkt": self.proofs.check(request)}} if self.way.proves else {}
        form, asked = await self._form_of_portal(request), self.requests[-1]
        self.exchanges.append(form)
        if _challenge(form["code_verifier"]) != asked["code_challenge"] or form["code"] != "the-code":
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        access_token = self.sign(self.twist_access_claims(self._access_claims() | bound), typ="at+jwt")
        id_token = self.sign(self.twist_claims(self._identity_claims(asked["nonce"], access_token)))
        answer = {"access_token": access_token, "id_token": self.twist_id_token(id_token)}
        answer |= {"token_type": "DPoP" if bound else "Bearer", "expires_in": 300}
        return JSONResponse(self.twist_token(answer))

    async def userinfo(self, request: Request) -> Response:
        """The person's data, signed or plain."""
        scheme, _, access_token = request.headers["authorization"].partition(" ")
        assert scheme == ("DPoP" if self.way.proves else "Bearer")
        if self.way.proves:
            self.proofs.check(request, access_token)
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

    async def _form_of_portal(self, request: Request) -> dict[str, str]:
        """The form of a request by which the portal proves who it is."""
        form = dict(parse_qsl((await request.body()).decode()))
        public = self.portal_key.public_key
        assertion = jwt.decode(
            form.pop("client_assertion"), public, ["ES256"], audience=ISSUER, issuer=self.client_id
        )
        self.assertions.append(assertion)
        return form

    def _signed_request(self, form: dict[str, str]) -> dict[str, Any]:
        """The parameters of a request object, outside of which there are none."""
        assert form.keys() == {"client_id", "request", "client_assertion_type"}
        assert jwt.get_unverified_header(form["request"])["typ"] == "oauth-authz-req+jwt"
        public, required = self.portal_key.public_key, ["exp", "nbf", "jti"]
        claims: dict[str, Any] = jwt.decode(
            form["request"],
            public,
            ["ES256"],
            audience=ISSUER,
            issuer=self.client_id,
            options={"require": required},
        )
        return claims

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


async def _told(_request: Request, error: Exception) -> Response:
    assert isinstance(error, BadProof)
    return error.response


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _challenge(verifier: str) -> str:
    return _base64url(hashlib.sha256(verifier.encode()).digest())
