"""Every place where a JWT of somebody is read, on a running provider: what it believes, and how it refuses."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import httpx2
import orjson

from idp.errors import InvalidClient
from idp.http.limits import QUERY_BYTES
from idp.oidc.client_cache import ClientCache
from idp.oidc.client_keys import ClientKeys
from idp.oidc.registration.vouchers import trust_issuer
from idp.oidc.signed_fetch import prove_fetcher
from keys.policy import Purpose
from tests.support.browsing import Browser, Visit
from tests.support.delegation import ACCESS_TOKEN as ACCESS_TOKEN_TYPE
from tests.support.delegation import admit, exchange, granted, post
from tests.support.installation import ISSUER
from tests.support.jwt_attacks import Genuine, raw_signature, segment
from tests.support.population import HOA
from tests.support.portals import ASSERTION_TYPE, REGISTRATIONS, register
from tests.support.provider import NOW, Provider
from tests.support.receiving_portal import ReceivingPortal, status
from tests.support.registering import PORTAL, statement_key, terms
from tests.support.remote import NOWHERE
from tests.support.request_objects import KID, private_key, public_jwk
from tests.support.signing import at_once, signed

REGISTRY: Final = "https://registry.example"
_LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
READS_OBJECTS: Final = "reads-objects"
_networks = count(1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a token was believed, and the answer: its status, and its `error` where it has one."""

    believed: bool
    status: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """`genuine` makes a token that is believed here, `present` shows one; `refusals` are how others are refused."""

    genuine: Callable[[], Awaitable[Genuine]]
    present: Callable[[str], Awaitable[Verdict]]
    refusals: frozenset[tuple[int, str]]


def _error(response: httpx2.Response) -> str:
    return str(orjson.loads(response.content).get("error", "")) if response.content else ""


def _too_long(*refusals: tuple[int, str]) -> frozenset[tuple[int, str]]:
    """The refusals of a place, and those of what is too long for any place."""
    return frozenset({*refusals, (413, "invalid_request"), (413, "too_large"), (431, "invalid_request")})


@dataclass(slots=True)
class Places:
    """All of them, around one provider and a person who is signed in."""

    provider: Provider
    browser: Browser
    documents: ReceivingPortal
    encryption_key: dict[str, Any] = field(default_factory=dict)

    async def open(self) -> dict[str, Place]:
        """The places by name; registers who is needed."""
        await admit(self.provider)
        keys = (await self.provider.http().get("/jwks")).json()["keys"]
        self.encryption_key = next(key for key in keys if key.get("alg") == "ECDH-ES")
        self.documents.answer = lambda _: status(404)
        await self._register_reader()
        registry_keys = {"keys": [statement_key().public_jwk()]}
        await trust_issuer(self.provider.context(), REGISTRY, registry_keys, terms(), operator="operator-1")
        invalid_client, invalid_request = (401, "invalid_client"), (400, "invalid_request")
        hint = _too_long((303, "invalid_request"))
        objects = {(303, f"{name}") for name in ("invalid_request_object", "request_not_supported")}
        by_reference = {(303, "invalid_request_uri"), (303, "request_uri_not_supported"), *objects}
        no_token = _too_long((401, "invalid_token"), (401, ""), invalid_request)
        return {
            **{
                f"client_assertion at {path}": Place(
                    self._assertion, self._client(path), _too_long(invalid_client, invalid_request)
                )
                for path in ("/token", "/introspect", "/revoke")
            },
            "client_assertion at /jwks": Place(
                lambda: self._assertion(aud=f"{ISSUER}/jwks"), self._fetcher, frozenset({invalid_client})
            ),
            "id_token_hint at /authorize": Place(self._hint, self._hinted, hint),
            "id_token_hint at /logout": Place(
                self._hint, self._logout, _too_long((400, "invalid_logout_hint"), invalid_request)
            ),
            "request": Place(self._object, self._asked, _too_long(*objects, (303, "invalid_request"))),
            "request at /par": Place(
                self._object,
                self._pushed,
                _too_long(*((400, name) for _, name in objects), (400, "invalid_request")),
            ),
            "request_uri": Place(self._object, self._referred, _too_long(*by_reference)),
            "access token at /userinfo": Place(self._access, self._userinfo, no_token),
            "access token in the form of /userinfo": Place(self._access, self._userinfo_form, no_token),
            "token at /introspect": Place(
                self._access, self._introspect, _too_long((200, ""), invalid_request)
            ),
            "token at /revoke": Place(self._access, self._revoke, _too_long((200, ""), invalid_request)),
            "subject_token": Place(self._handed, self._exchange, _too_long(invalid_request)),
            "software_statement": Place(
                self._statement,
                self._registration,
                _too_long((400, "invalid_software_statement"), (400, "unapproved_software_statement")),
            ),
        }

    async def _register_reader(self) -> None:
        metadata = {
            **REGISTRATIONS["dossiers"],
            "client_id": READS_OBJECTS,
            "redirect_uris": [f"https://{READS_OBJECTS}.example/callback"],
            "jwks": {"keys": [public_jwk()]},
            "request_uris": [self.documents.at("127.0.0.1", "/request")],
        }
        registered, kept = register(metadata, NOW - 60)
        await self.provider.db.write(kept)
        self.provider.registered[READS_OBJECTS] = registered
        await self.provider.enter(READS_OBJECTS, HOA, self.browser)

    # tokens of clients

    def _by_client(self, claims: Mapping[str, Any], typ: str, key: Any, jwk: Mapping[str, Any]) -> Genuine:
        def sign(message: bytes) -> bytes:
            return raw_signature(message, key)

        blank = Genuine(f"{segment({'alg': 'ES256', 'typ': typ, 'kid': jwk['kid']})}.e30.", sign, jwk)
        return Genuine(blank.signed(claims=dict(claims)), sign, jwk, self.encryption_key)

    async def _assertion(self, **changes: Any) -> Genuine:
        registered = self.provider.registered["machine-es256"]
        jwk = registered.metadata["jwks"]["keys"][0]
        claims = {
            "iss": registered.client_id, "sub": registered.client_id, "aud": ISSUER, "iat": NOW, "exp": NOW + 60,
            "jti": secrets.token_urlsafe(16),
        }  # fmt: skip
        return self._by_client(claims | changes, "JWT", registered.private_key, jwk)

    async def _object(self) -> Genuine:
        asked = self.provider.portal(READS_OBJECTS).ask(prompt="none", state="inside")
        claims = {"iss": READS_OBJECTS, "aud": ISSUER, "exp": NOW + 300, **asked.parameters}
        return self._by_client(claims, "oauth-authz-req+jwt", private_key(), public_jwk(kid=KID))

    async def _statement(self) -> Genuine:
        key = statement_key()
        host = f"https://s{secrets.token_hex(4)}.example"
        claims = {
            "iss": REGISTRY, "exp": NOW + 3_600, "software_id": "vn.example", **PORTAL,
            "redirect_uris": [f"{host}/callback"],
        }  # fmt: skip

        def sign(message: bytes) -> bytes:
            return at_once(key.sign(message))

        blank = Genuine(f"{segment({'alg': 'ES256', 'kid': key.kid})}.e30.", sign, key.public_jwk())
        return Genuine(blank.signed(claims=claims), sign, key.public_jwk(), self.encryption_key)

    # tokens of ours

    def ours(self, token: str, purpose: Purpose) -> Genuine:
        """A token that we have signed."""
        signer = self.provider.keyring.signer(purpose)

        def sign(message: bytes) -> bytes:
            return at_once(signer.sign(message))

        return Genuine(token, sign, signer.public_jwk(), self.encryption_key)

    async def _hint(self) -> Genuine:
        tokens = await self.provider.tokens("enterprise", HOA, self.browser, scope="openid")
        claims = {**tokens.claims, "sid": str(uuid.uuid4())}
        return self.ours(signed(self.provider.keyring, Purpose.ID_TOKEN, claims), Purpose.ID_TOKEN)

    async def _access(self) -> Genuine:
        tokens = await self.provider.tokens("enterprise", HOA, self.browser, scope="openid")
        return self.ours(tokens.access_token, Purpose.ACCESS_TOKEN)

    async def _handed(self) -> Genuine:
        tokens = await granted(self.provider, self.browser)
        return self.ours(tokens.access_token, Purpose.ACCESS_TOKEN)

    # how they are shown

    def _client(self, path: str) -> Callable[[str], Awaitable[Verdict]]:
        more = {"grant_type": "client_credentials"} if path == "/token" else {"token": "x"}

        async def present(token: str) -> Verdict:
            form = {**more, "client_assertion_type": ASSERTION_TYPE, "client_assertion": token}
            response = await self.provider.http().post(path, data=form)
            return Verdict(response.status_code == 200, response.status_code, _error(response))

        return present

    async def _fetcher(self, token: str) -> Verdict:
        if len(token) < QUERY_BYTES:
            response = await self.provider.http().get("/jwks", params={"client_assertion": token})
            assert response.status_code in {200, 414}, "whoever asks is given the keys"
        clients, keys = ClientCache(self.provider.db), ClientKeys(NOWHERE)
        try:
            await prove_fetcher(token, clients, keys, jwks_uri=f"{ISSUER}/jwks", now=NOW)
        except InvalidClient as error:
            return Verdict(believed=False, status=error.status, error=error.error)
        return Verdict(believed=True, status=200)

    async def _authorize(self, parameters: Mapping[str, str], **more: str) -> Verdict:
        """By POST, which leaves room for what is long."""
        return _told(await self.browser.post("/authorize", list({**parameters, **more}.items())))

    async def _hinted(self, token: str) -> Verdict:
        asked = self.provider.portal("enterprise").ask(prompt="none", scope="openid", state="inside")
        return await self._authorize(asked.parameters, id_token_hint=token)

    async def _asked(self, token: str) -> Verdict:
        outside = self.provider.portal(READS_OBJECTS).ask("state").parameters
        return await self._authorize(outside, request=token)

    async def _pushed(self, token: str) -> Verdict:
        response = await self.provider.portal(READS_OBJECTS).post("/par", request=token)
        pushed = response.status_code == 201
        return Verdict(pushed, response.status_code, "" if pushed else _error(response))

    async def _referred(self, token: str) -> Verdict:
        body = token.encode()
        self.documents.answer = lambda _: status(
            200, "Content-Type: application/oauth-authz-req+jwt", body=body
        )
        outside = self.provider.portal(READS_OBJECTS).ask("state").parameters
        uri = self.documents.at("127.0.0.1", "/request")
        return await self._authorize(outside, request_uri=uri)

    async def _logout(self, token: str) -> Verdict:
        visit = await self.provider.browser().post("/logout", [("id_token_hint", token)])
        return Verdict(visit.status == 200, visit.status, visit.told("error-code"))

    async def _userinfo(self, token: str) -> Verdict:
        headers = {"authorization": f"Bearer {token}"}
        response = await self.provider.http().get("/userinfo", headers=headers)
        return _opened(response)

    async def _userinfo_form(self, token: str) -> Verdict:
        return _opened(await self.provider.http().post("/userinfo", data={"access_token": token}))

    async def _introspect(self, token: str) -> Verdict:
        response = await self.provider.portal("enterprise").post("/introspect", token=token)
        body = response.json()
        assert response.status_code != 200 or body == {"active": False} or body["active"] is True
        return Verdict(body.get("active") is True, response.status_code, _error(response))

    async def _revoke(self, token: str) -> Verdict:
        before = len(await self.provider.events("token.revoked"))
        response = await self.provider.portal("enterprise").post("/revoke", token=token)
        revoked = len(await self.provider.events("token.revoked")) > before
        return Verdict(revoked, response.status_code, _error(response))

    async def _exchange(self, token: str) -> Verdict:
        response = await exchange(self.provider, "dossiers-api", token)
        return Verdict(response.status_code == 200, response.status_code, _error(response))

    async def _registration(self, token: str) -> Verdict:
        address = f"203.0.{next(_networks) % 250}.9"  # who guesses often is slowed down by network
        http = self.provider.http(address)
        response = await http.post("/register", json={"software_statement": token})
        return Verdict(response.status_code == 201, response.status_code, _error(response))

    async def actor(self, handed: str, token: str) -> Verdict:
        """As `actor_token` of an exchange that would be good without: nobody acts so here."""
        changes = {"actor_token": token, "actor_token_type": ACCESS_TOKEN_TYPE}
        response = await exchange(self.provider, "dossiers-api", handed, **changes)
        return Verdict(response.status_code == 200, response.status_code, _error(response))

    async def kinds(self) -> dict[str, str]:
        """One genuine token of each kind that there is."""
        enterprise, keyring = self.provider.portal("enterprise"), self.provider.keyring
        access = (await self._access()).token
        id_token = await self._hint()
        machine = await self.provider.portal("machine-es256").post("/token", grant_type="client_credentials")
        as_jwt = {"accept": "application/token-introspection+jwt"}
        _, answered = await enterprise.send(self.browser, scope="openid", response_mode="jwt")
        introspected = await post(enterprise, "/introspect", {"token": access}, **as_jwt)
        told = {name: id_token.claims[name] for name in ("iss", "aud", "sub", "sid", "iat")}
        logout = {**told, "jti": "j", "exp": NOW + 120, "events": {_LOGOUT_EVENT: {}}}
        return {
            "an ID token": id_token.token,
            "an access token": access,
            "an access token for an API": (await self._handed()).token,
            "an access token of a machine": machine.json()["access_token"],
            "a UserInfo answer": (await enterprise.userinfo(access)).text,
            "an introspection answer": introspected.text,
            "an authorization response": answered.given["response"],
            "a logout token": signed(keyring, Purpose.LOGOUT, logout),
            "a client assertion": (await self._assertion()).token,
            "a client assertion for the key set": (await self._assertion(aud=f"{ISSUER}/jwks")).token,
            "a request object": (await self._object()).token,
            "a software statement": (await self._statement()).token,
        }


def _opened(response: httpx2.Response) -> Verdict:
    believed = response.status_code == 200
    return Verdict(believed, response.status_code, "" if believed else _error(response))


def _told(visit: Visit) -> Verdict:
    """The answer to the portal, or the page that says why there is none."""
    if visit.answer is None:
        return Verdict(believed=False, status=visit.status, error=visit.told("error-code"))
    believed = "code" in visit.given and visit.given.get("state") == "inside"
    return Verdict(believed, visit.response.status_code, visit.given.get("error", ""))
