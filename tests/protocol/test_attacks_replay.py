"""What works once works once, and one kind of secret opens nothing in the place of another: all of them in tables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

import httpx2
import pytest

from idp.oidc.grant_types import DEVICE_CODE
from tests.support.authenticator import add_app
from tests.support.browsing import Browser, Visit
from tests.support.delegation import EXCHANGE, admit
from tests.support.devices import TV, add_clients, arrive, ask, let_in, type_code
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HEN, HOA, KHANG
from tests.support.portals import ASSERTION_TYPE
from tests.support.provider import PASSWORD, Ground, Provider
from tests.support.registering import PORTAL, SelfRegistered, bearer, initial_token, registered
from tests.support.registering import ask as ask_registration

Use = Callable[[], Awaitable[bool]]
"""Brings it once more; whether it worked."""
LEVEL_2: Final = '{"id_token":{"acr":{"essential":true,"values":["LoA2"]}}}'


@pytest.fixture(scope="module")
async def service(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A provider with devices and APIs."""
    async with provider_on_sqlite(tmp_path_factory.mktemp("attacks-replay"), provider_ground) as provider:
        await add_clients(provider, TV)
        await admit(provider)
        yield provider


@pytest.fixture(scope="module")
async def hoa(service: Provider) -> Browser:
    """The browser of somebody who has logged in."""
    browser = service.browser()
    await service.enter("dossiers", HOA, browser)
    return browser


def _ok(response: httpx2.Response) -> bool:
    assert response.status_code < 500
    return response.status_code in {200, 201, 204}


async def _code(service: Provider, browser: Browser) -> Use:
    asked, visit = await service.enter("dossiers", HOA, browser)
    return lambda: _answered(service.portal("dossiers").redeem(asked, visit.code))


async def _answered(request: Awaitable[httpx2.Response]) -> bool:
    return _ok(await request)


async def _rotated(service: Provider, browser: Browser) -> Use:
    """A refresh token whose successor has been used: the answer was not lost."""
    dossiers, uses = service.portal("dossiers"), 0
    first = await service.tokens("dossiers", HOA, browser)

    async def use() -> bool:
        nonlocal uses
        response = await dossiers.refresh(first.refresh_token)
        if response.status_code == 200 and not uses:
            uses += 1
            assert _ok(await dossiers.refresh(response.json()["refresh_token"]))
        return _ok(response)

    return use


def _assertion_at(*paths: str) -> Callable[[Provider, Browser], Awaitable[Use]]:
    async def prepare(service: Provider, _: Browser) -> Use:
        form = {
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": service.portal("machine-es256").assertion(),
            "grant_type": "client_credentials",
        }
        turns = iter(paths * 3)

        async def use() -> bool:
            path = next(turns)
            sent = form if path == "/token" else {**form, "token": "x"}
            return _ok(await service.http().post(path, data=sent))

        return use

    return prepare


async def _device_code(service: Provider, browser: Browser) -> Use:
    device = await ask(service)
    await let_in(service, browser, device, HOA)
    return lambda: _answered(device.poll())


def _user_code(*, approved: bool) -> Callable[[Provider, Browser], Awaitable[Use]]:
    """Typed and answered; then typed and answered again, each time in a browser of its own."""

    async def prepare(service: Provider, _: Browser) -> Use:
        device = await ask(service)

        async def use() -> bool:
            browser = service.browser()
            typed = await type_code(browser, device.user_code)
            if not typed.offers(personal_number=HOA.number):
                return False
            if approved:
                return (await let_in(service, browser, device, HOA)).status == 200
            return (await (await arrive(service, browser, device, HOA)).submit(decision="deny")).status == 200

        return use

    return prepare


def _page_of(
    client_id: str, *before: Mapping[str, str], scope: str = "openid profile", **sent: str
) -> Callable[[Provider, Browser], Awaitable[Use]]:
    """The form of a page on the way to a portal, which is kept and sent again."""

    async def prepare(service: Provider, browser: Browser) -> Use:
        own = service.browser() if before or "password" in sent else browser
        _, visit = await service.portal(client_id).send(own, scope=scope)
        for fields in before:
            visit = await visit.submit(**fields)
        return lambda: _sent(visit, sent)

    return prepare


async def _sent(page: Visit, fields: Mapping[str, str]) -> bool:
    visit = await page.submit(**fields)
    assert visit.status < 500
    return visit.answer is not None


async def _totp(service: Provider, _: Browser) -> Use:
    """One code, in a browser of its own each time."""
    app = await add_app(service, service.browser(), KHANG)

    async def use() -> bool:
        _, visit = await service.portal("ministry").send(service.browser(), claims=LEVEL_2)
        visit = await (await service.sign_in(visit, KHANG)).submit(code=app.code())
        return not visit.offers(code="")

    return use


async def _activation_code(service: Provider, _: Browser) -> Use:
    code = await service.activation_code(HEN)

    async def use() -> bool:
        visit = await (await service.browser().open("/activate")).submit(
            personal_number=HEN.number, code=code
        )
        if not visit.offers(password=PASSWORD):
            return False
        return (await visit.submit(password=PASSWORD, password_again=PASSWORD)).status == 200

    return use


async def _activation_page(service: Provider, _: Browser) -> Use:
    """The page of the new password, sent again."""
    code = await service.activation_code(HEN)
    visit = await (await service.browser().open("/activate")).submit(personal_number=HEN.number, code=code)

    async def use() -> bool:
        return (await visit.submit(password=PASSWORD, password_again=PASSWORD)).status == 200

    return use


async def _initial_token(service: Provider, _: Browser) -> Use:
    token = await initial_token(service)
    return lambda: _answered(ask_registration(service, token, **PORTAL))


async def _removal(service: Provider, _: Browser) -> Use:
    client = await registered(service, await initial_token(service))
    return lambda: _answered(client.manage("DELETE"))


ONCE: Final[Mapping[str, Callable[[Provider, Browser], Awaitable[Use]]]] = {
    "an authorization code": _code,
    "a refresh token whose successor is in use": _rotated,
    "a client assertion at /token": _assertion_at("/token"),
    "a client assertion at /token, then at /introspect": _assertion_at("/token", "/introspect", "/revoke"),
    "a client assertion at /revoke, then at /token": _assertion_at("/revoke", "/token", "/introspect"),
    "a device code": _device_code,
    "a user code that was approved": _user_code(approved=True),
    "a user code that was refused": _user_code(approved=False),
    "a step of an authenticator app": _totp,
    "an activation code": _activation_code,
    "the page of the new password": _activation_page,
    "an initial access token": _initial_token,
    "a registration access token, after the client is gone": _removal,
    "the login page": _page_of("legacy-post", scope="openid", personal_number=HOA.number, password=PASSWORD),
    "the consent page, allowed": _page_of(
        "province", {"personal_number": HOA.number, "password": PASSWORD}, decision="allow", claim="name"
    ),
    "the consent page, refused": _page_of(
        "province", {"personal_number": KHANG.number, "password": PASSWORD}, decision="deny"
    ),
    "the notice": _page_of(
        "ministry", {"personal_number": KHANG.number, "password": PASSWORD}, decision="continue"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ONCE)
async def test_what_works_once_works_once(service: Provider, hoa: Browser, name: str) -> None:
    use = await ONCE[name](service, hoa)
    assert [await use(), await use(), await use()] == [True, False, False]


async def _secrets(service: Provider, browser: Browser) -> dict[str, str]:
    """One good secret of each kind."""
    tokens = await service.tokens("dossiers", HOA, browser)
    asked, visit = await service.enter("dossiers", HOA, browser)
    device, client = await ask(service), await registered(service, await initial_token(service))
    return {
        "code": visit.code,
        "verifier": asked.verifier,
        "access": tokens.access_token,
        "refresh": tokens.refresh_token,
        "id_token": tokens.id_token,
        "device_code": str(device.codes["device_code"]),
        "user_code": device.user_code,
        "initial": await initial_token(service),
        "management": str(client.told["registration_access_token"]),
        "assertion": service.portal("machine-es256").assertion(),
        "secret": str(service.registered["dossiers"].secret),
        "activation": await service.activation_code(HEN),
        "session": browser.cookies["__Host-motcua-session"],
        "browser": browser.cookies["__Host-motcua-browser"],
    }


def _as_parameter(client_id: str, name: str, **form: str) -> Callable[[Provider, str], Awaitable[bool]]:
    async def bring(service: Provider, secret: str) -> bool:
        more = {name: secret, **form}
        return _ok(await service.portal(client_id).post("/token", **more))

    return bring


def _as_bearer(method: str, path: str) -> Callable[[Provider, str], Awaitable[bool]]:
    async def bring(service: Provider, secret: str) -> bool:
        client = await registered(service, await initial_token(service))
        address = path.format(client.client_id)
        body: Any = PORTAL if method in {"POST", "PUT"} and path != "/userinfo" else None
        response = await service.http("203.0.113.8").request(
            method, address, json=body, headers=bearer(secret)
        )
        return _ok(response)

    return bring


async def _as_cookie(service: Provider, secret: str) -> bool:
    browser = service.browser()
    for name in ("__Host-motcua-session", "__Host-motcua-browser", "__Host-motcua-activation"):
        browser.set_cookie(name, secret)
    _, visit = await service.portal("dossiers").send(browser, prompt="none")
    return visit.error is None


async def _as_secret(service: Provider, secret: str) -> bool:
    form = {"client_id": "legacy-post", "client_secret": secret, "token": "x"}
    return _ok(await service.http().post("/introspect", data=form))


async def _as_activation(service: Provider, secret: str) -> bool:
    typed = {"personal_number": HEN.number, "code": secret[:200]}
    return (await (await service.browser().open("/activate")).submit(**typed)).offers(password=PASSWORD)


async def _as_user_code(service: Provider, secret: str) -> bool:
    visit = await (await service.browser().open("/device")).submit(user_code=secret[:60])
    return visit.offers(personal_number=HOA.number)


async def _as_interaction(service: Provider, secret: str) -> bool:
    return (await service.browser().http.get(f"/interaction/{secret[:128]}")).status_code == 200


BRINGS: Final[Mapping[str, tuple[set[str], Callable[[Provider, str], Awaitable[bool]]]]] = {
    "code": (
        set(),
        _as_parameter(
            "dossiers", "code", grant_type="authorization_code", redirect_uri="https://dossiers.example/callback",
            code_verifier="x" * 43,
        ),
    ),
    "refresh_token": ({"refresh"}, _as_parameter("dossiers", "refresh_token", grant_type="refresh_token")),
    "device_code": (set(), _as_parameter("tv", "device_code", grant_type=DEVICE_CODE)),
    "subject_token": (
        set(),
        _as_parameter(
            "dossiers-api", "subject_token", grant_type=EXCHANGE,
            subject_token_type="urn:ietf:params:oauth:token-type:access_token",
        ),
    ),
    "client_secret": (set(), _as_secret),
    "bearer at /userinfo": ({"access"}, _as_bearer("GET", "/userinfo")),
    "bearer at /register": ({"initial"}, _as_bearer("POST", "/register")),
    "bearer at /register, reading": (set(), _as_bearer("GET", "/register/{}")),
    "bearer at /register, removing": (set(), _as_bearer("DELETE", "/register/{}")),
    "cookies": ({"session"}, _as_cookie),
    "activation code": ({"activation"}, _as_activation),
    "user code": ({"user_code"}, _as_user_code),
    "interaction": (set(), _as_interaction),
}  # fmt: skip
"""Where a secret can be brought, and which kinds are believed there. A code needs its own verifier as well, a device
code an approval, and a registration access token its own client: so these are believed nowhere here."""


@pytest.mark.parametrize("place", BRINGS)
async def test_no_secret_is_taken_for_another(service: Provider, hoa: Browser, place: str) -> None:
    believed, bring = BRINGS[place]
    taken = {kind for kind, secret in (await _secrets(service, hoa)).items() if await bring(service, secret)}
    assert taken == believed


async def test_a_device_page_of_before_lets_no_second_device_in(service: Provider, hoa: Browser) -> None:
    """The page for one device, answered after that device was refused, is for no other."""
    first, second = await ask(service), await ask(service)
    page = await arrive(service, service.browser(), first, HOA)
    await page.submit(decision="deny")
    again = await page.submit(decision="confirm")
    assert again.status in {400, 404, 409, 410}
    assert (await first.error(), await second.error()) == ("access_denied", "authorization_pending")


async def test_a_removed_clients_secrets_are_nothing(service: Provider) -> None:
    client = await registered(
        service, await initial_token(service), token_endpoint_auth_method="client_secret_basic"
    )
    portal = service.portal(client.at_work())
    assert _ok(await portal.post("/introspect", token="x"))
    assert _ok(await client.manage("DELETE"))
    assert (await portal.post("/introspect", token="x")).status_code == 401
    gone = SelfRegistered(service, client.told)
    assert [(await gone.manage(method, {})).status_code for method in ("GET", "PUT", "DELETE")] == [401] * 3
