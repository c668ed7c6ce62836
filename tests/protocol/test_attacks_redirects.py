"""RFC 9700 §4.1 and §4.11: nobody is sent where nothing is registered, however a URI confuses those who read it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from html import unescape
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from tests.fuzz.live import READER
from tests.support.browsing import Browser, Visit
from tests.support.installation import ISSUER
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HOA
from tests.support.portals import register
from tests.support.provider import NOW, Ground, Provider
from tests.support.registering import PORTAL, REGISTER, bearer, initial_token
from tests.support.request_objects import signed

EVIL: Final = "evil.example"
IDEOGRAPHIC, CYRILLIC, FULL_WIDTH = "\u3002", "\u0435", "\uff45"
Trick = Callable[[str, str, str], str]
"""Of scheme, host and path of a registered address."""

TRICKS: Final[Mapping[str, Trick]] = {
    "another host": lambda s, _, p: f"{s}://{EVIL}{p}",
    "a host behind": lambda s, h, p: f"{s}://{h}.{EVIL}{p}",
    "a host before": lambda s, h, p: f"{s}://{EVIL}.{h}{p}",
    "a host glued before": lambda s, h, p: f"{s}://evil{h}{p}",
    "as user information": lambda s, h, p: f"{s}://{h}@{EVIL}{p}",
    "as user and password": lambda s, h, p: f"{s}://{h}:443@{EVIL}{p}",
    "user information of ours": lambda s, h, p: f"{s}://{EVIL}@{h}{p}",
    "two at signs": lambda s, h, p: f"{s}://a@{EVIL}@{h}{p}",
    "an encoded at sign": lambda s, h, p: f"{s}://{h}%40{EVIL}{p}",
    "a backslash": lambda s, h, p: f"{s}://{EVIL}\\@{h}{p}",
    "a backslash before the host": lambda s, h, p: f"{s}:/\\{EVIL}/@{h}{p}",
    "backslashes": lambda s, h, p: f"{s}:\\\\{h}{p}",
    "a backslash behind the host": lambda s, h, p: f"{s}://{h}\\.{EVIL}{p}",
    "a hash behind the host": lambda s, h, p: f"{s}://{EVIL}#@{h}{p}",
    "a question mark behind the host": lambda s, h, p: f"{s}://{EVIL}?@{h}{p}",
    "an encoded hash": lambda s, h, p: f"{s}://{EVIL}%23@{h}{p}",
    "an encoded slash": lambda s, h, p: f"{s}://{EVIL}%2F@{h}{p}",
    "a semicolon": lambda s, h, p: f"{s}://{EVIL};{h}{p}",
    "a comma": lambda s, h, p: f"{s}://{EVIL},{h}{p}",
    "an ampersand": lambda s, h, p: f"{s}://{EVIL}&{h}{p}",
    "an encoded dot": lambda s, h, p: f"{s}://{h}%2e{EVIL}{p}",
    "an ideographic full stop": lambda s, h, p: f"{s}://{h.replace('.', IDEOGRAPHIC)}{p}",
    "a full-width solidus": lambda s, h, p: f"{s}://{EVIL}\uff0f{h}{p}",
    "a letter that looks like another": lambda s, h, p: f"{s}://{h.replace('e', CYRILLIC)}{p}",
    "a full-width letter": lambda s, h, p: f"{s}://{h.replace('e', FULL_WIDTH)}{p}",
    "a soft hyphen": lambda s, h, p: f"{s}://{h[:3]}\u00ad{h[3:]}{p}",
    "a zero-width space": lambda s, h, p: f"{s}://{h[:3]}\u200b{h[3:]}{p}",
    "a tab within": lambda s, h, p: f"{s}://{h[:3]}\t{h[3:]}{p}",
    "a line break within": lambda s, h, p: f"{s}://{h[:3]}\n{h[3:]}{p}",
    "a NUL behind": lambda s, h, p: f"{s}://{h}{p}\0",
    "a NUL behind the host": lambda s, h, p: f"{s}://{h}\0.{EVIL}{p}",
    "an encoded NUL": lambda s, h, p: f"{s}://{h}{p}%00",
    "an encoded line break": lambda s, h, p: f"{s}://{h}{p}%0d%0aLocation:%20//{EVIL}",
    "a blank before": lambda s, h, p: f" {s}://{h}{p}",
    "a blank behind": lambda s, h, p: f"{s}://{h}{p} ",
    "a control character before": lambda s, h, p: f"\x01{s}://{h}{p}",
    "capitals in the scheme": lambda s, h, p: f"{s.upper()}://{h}{p}",
    "capitals in the host": lambda s, h, p: f"{s}://{h.upper()}{p}",
    "capitals in the path": lambda s, h, p: f"{s}://{h}{p.upper()}",
    "no scheme": lambda _, h, p: f"//{h}{p}",
    "no scheme and no host": lambda *parts: parts[2],
    "one slash": lambda s, h, p: f"{s}:/{h}{p}",
    "three slashes": lambda s, h, p: f"{s}:///{h}{p}",
    "no slash": lambda s, h, p: f"{s}:{h}{p}",
    "javascript": lambda *_: "javascript:alert(1)//",
    "javascript with a host": lambda _, h, p: f"javascript://{h}{p}%0aalert(1)",
    "data": lambda *_: "data:text/html,<script>alert(1)</script>",
    "a port": lambda s, h, p: f"{s}://{h}:8443{p}",
    "the port that is meant anyway": lambda s, h, p: f"{s}://{h}:443{p}",
    "an empty port": lambda s, h, p: f"{s}://{h}:{p}",
    "two ports": lambda s, h, p: f"{s}://{h}:443:80{p}",
    "a dot behind the host": lambda s, h, p: f"{s}://{h}.{p}",
    "a slash behind": lambda s, h, p: f"{s}://{h}{p}/",
    "two slashes before the path": lambda s, h, p: f"{s}://{h}/{p}",
    "a dot segment": lambda s, h, p: f"{s}://{h}/.{p}",
    "back and elsewhere": lambda s, h, p: f"{s}://{h}{p}/../open?to=//{EVIL}",
    "encoded, back and elsewhere": lambda s, h, p: f"{s}://{h}{p}/%2e%2e/open",
    "doubly encoded, back": lambda s, h, p: f"{s}://{h}{p}/%252e%252e/open",
    "back with a semicolon": lambda s, h, p: f"{s}://{h}{p}/..;/open",
    "back with a backslash": lambda s, h, p: f"{s}://{h}{p}\\..\\open",
    "a parameter of the path": lambda s, h, p: f"{s}://{h}{p};x=y",
    "an encoded letter": lambda s, h, p: f"{s}://{h}/%{ord(p[1]):x}{p[2:]}",
    "a query": lambda s, h, p: f"{s}://{h}{p}?next=//{EVIL}",
    "an empty query": lambda s, h, p: f"{s}://{h}{p}?",
    "a fragment": lambda s, h, p: f"{s}://{h}{p}#x",
    "an empty fragment": lambda s, h, p: f"{s}://{h}{p}#",
    "two addresses": lambda s, h, p: f"{s}://{h}{p},{s}://{EVIL}{p}",
    "two addresses with a blank": lambda s, h, p: f"{s}://{h}{p} {s}://{EVIL}{p}",
    "encoded as a whole": lambda s, h, p: quote(f"{s}://{h}{p}", safe=""),
    "in brackets": lambda s, h, p: f"{s}://[{h}]{p}",
    "IPv6 with a host in it": lambda s, h, p: f"{s}://[::1]{h}{p}",
    "a wildcard": lambda s, _, p: f"{s}://*{p}",
    "our own logout": lambda *_: f"{ISSUER}/logout",
    "nothing": lambda *_: "",
}  # fmt: skip

ABOUT_A_PERSON: Final = ("/{0}", "#so={0}", "/x/{0}/y?z", ";so={0}", "%23{0}")


LOOPBACK_TRICKS: Final = (
    "http://127.0.0.1:80@evil.example/callback", "http://127.0.0.1:80\\@evil.example/callback",
    "http://127.0.0.1.evil.example/callback", "http://127.0.0.1:.evil.example/callback", "http://127.1/callback",
    "http://2130706433/callback", "http://0x7f.0.0.1/callback", "http://0177.0.0.1/callback",
    "http://127.0.0.1./callback",
    "http://[::ffff:127.0.0.1]/callback", "http://[::1]/callback", "http://localhost/callback", "http://0/callback",
    "http://0.0.0.0/callback", "http://127.0.0.2/callback", "http://127.0.0.1:99999/callback",
    "http://127.0.0.1:0/callback",
    "http://127.0.0.1:080/callback", "http://127.0.0.1:80:80/callback", "http://127.0.0.1:-80/callback",
    "http://127.0.0.1:٨٠/callback", "http://127.0.0.1:80/callback/", "http://127.0.0.1:80/callback?x",
    "http://127.0.0.1:80/callback#x", "http://127.0.0.1:80//callback", "https://127.0.0.1:80/callback",
    "http:127.0.0.1:80/callback", "http:///127.0.0.1:80/callback", "http://127.0.0.1:80\n/callback",
    "vn.example.app://callback", "vn.example.app:///callback", "VN.EXAMPLE.APP:/callback", "vn.example.app:callback",
    "vn.example.app:/callback/", "vn.example.app:/callback#x", "vn.example.app.evil:/callback",
    "xvn.example.app:/callback",
    "intent://callback#Intent;scheme=vn.example.app;end",
)  # fmt: skip


@pytest.fixture(scope="module")
async def service(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A provider with a client that sends request objects."""
    async with provider_on_sqlite(tmp_path_factory.mktemp("attacks-redirects"), provider_ground) as provider:
        reader, kept = register(READER, NOW - 60)
        await provider.db.write(kept)
        provider.registered["reader"] = reader
        yield provider


@pytest.fixture(scope="module")
async def hoa(service: Provider) -> Browser:
    """The browser of somebody who has logged in: a portal would have its code without a page."""
    browser = service.browser()
    for client_id in ("dossiers", "reader", "app"):
        await service.enter(client_id, HOA, browser)
    return browser


def _tricked(trick: str, uri: str) -> str:
    parts = urlsplit(uri)
    return TRICKS[trick](parts.scheme, parts.netloc, parts.path)


def _stays(visit: Visit, uri: str) -> None:
    """On a page of ours, which leads nowhere of the kind by itself."""
    assert visit.answer is None, f"{uri!r} was believed"
    assert visit.status == 400, uri
    assert "location" not in visit.response.headers
    assert "refresh" not in visit.response.headers
    led = re.findall(r'(?:href|src|action|content|url)="([^"]*)"', visit.text)
    assert not any(EVIL in unescape(address) or "javascript:" in address for address in led), led


@pytest.mark.parametrize("trick", TRICKS)
async def test_redirect_uri(service: Provider, hoa: Browser, trick: str) -> None:
    """By GET and by POST, with whatever else is asked: neither a code nor an error leaves."""
    portal = service.portal("dossiers")
    uri = _tricked(trick, portal.redirect_uri)
    for changes in ({}, {"prompt": "none"}, {"response_type": "token"}, {"response_mode": "form_post"}):
        asked = portal.ask(redirect_uri=uri, **changes)
        _stays(await hoa.open(asked.address), uri)
        _stays(await hoa.post("/authorize", list(asked.parameters.items())), uri)


@pytest.mark.parametrize("trick", TRICKS)
async def test_redirect_uri_of_a_request_object(service: Provider, hoa: Browser, trick: str) -> None:
    """Signed by the client itself: a registered address beside it helps nothing."""
    portal = service.portal("reader")
    uri = _tricked(trick, portal.redirect_uri)
    asked = portal.ask(prompt="none")
    inside = {"iss": "reader", "aud": ISSUER, "exp": NOW + 300, "redirect_uri": uri}
    for parameters in (asked.parameters, {"client_id": "reader", "scope": "openid", "response_type": "code"}):
        _stays(await hoa.open(f"/authorize?{urlencode({**parameters, 'request': signed(inside)})}"), uri)


@pytest.mark.parametrize("uri", LOOPBACK_TRICKS)
async def test_redirect_uri_of_an_app(service: Provider, hoa: Browser, uri: str) -> None:
    """RFC 8252 §7.3: of a loopback address the port may be any, and nothing else."""
    _, visit = await service.portal("app").send(hoa, redirect_uri=uri)
    _stays(visit, uri)


async def test_control_an_app_may_take_any_port(service: Provider, hoa: Browser) -> None:
    for uri in ("http://127.0.0.1:49152/callback", "vn.example.app:/callback"):
        _, visit = await service.portal("app").send(hoa, redirect_uri=uri)
        assert (await service.settle(visit)).address.startswith(f"{uri}?code=")


@pytest.mark.parametrize("trick", TRICKS)
async def test_redirect_uri_at_the_token_endpoint(service: Provider, hoa: Browser, trick: str) -> None:
    """RFC 6749 §4.1.3: the code is of the address that it was sent to, character by character."""
    portal = service.portal("dossiers")
    asked, visit = await service.enter("dossiers", HOA, hoa)
    response = await portal.redeem(asked, visit.code, redirect_uri=_tricked(trick, portal.redirect_uri))
    assert (response.status_code, response.json()["error"]) in {
        (400, "invalid_grant"),
        (400, "invalid_request"),
    }


@pytest.mark.parametrize("trick", [trick for trick in TRICKS if trick != "nothing"])
async def test_post_logout_redirect_uri(service: Provider, hoa: Browser, trick: str) -> None:
    """With the client named by a hint, by its id, or by both: the person stays here."""
    tokens = await service.tokens("dossiers", HOA, hoa)
    uri = _tricked(trick, "https://dossiers.example/bye")
    for named in ({"client_id": "dossiers"}, {"id_token_hint": tokens.id_token}):
        for visit in (
            await hoa.open(f"/logout?{urlencode({**named, 'post_logout_redirect_uri': uri})}"),
            await hoa.post("/logout", [*named.items(), ("post_logout_redirect_uri", uri)]),
        ):
            _stays(visit, uri)
    visit = await hoa.open(f"/logout?{urlencode({'post_logout_redirect_uri': uri})}")
    assert visit.answer is None
    assert visit.status == 400 or visit.offers(decision="logout"), (
        "nobody vouches for the address: it is left out"
    )


@pytest.mark.parametrize("behind", ABOUT_A_PERSON)
async def test_what_a_refused_address_says_of_a_person_is_in_no_log(
    service: Provider, hoa: Browser, caplog: pytest.LogCaptureFixture, behind: str
) -> None:
    """A portal that puts a number into its addresses is told that it may not, and the number goes no further."""
    with caplog.at_level("INFO", logger="motcua"):
        uri = f"https://dossiers.example/callback{behind.format(HOA.number)}"
        _stays(await hoa.open(service.portal("dossiers").ask(redirect_uri=uri).address), uri)
        query = urlencode({"client_id": "dossiers", "post_logout_redirect_uri": uri})
        _stays(await hoa.open(f"/logout?{query}"), uri)
    told = [record.getMessage() for record in caplog.records if record.name.startswith("motcua")]
    assert len([line for line in told if "dossiers.example/callback" in line]) == 2
    assert HOA.number not in str(told)


UNREGISTRABLE: Final = (
    "javascript:alert(1)", "JavaScript://self.example/%0aalert(1)", "data:text/html,x", "vbscript:x",
    "file:///etc/passwd",
    "blob:https://self.example/x", "about:blank", "view-source:https://self.example/", "ftp://self.example/",
    "http://self.example/callback", "https://", "https:///callback", "https:self.example/callback",
    "//self.example/callback",
    "/callback", "self.example/callback", "https://self.example@evil.example/", "https://a:b@self.example/",
    "https://self.example\\@evil.example/", "https://self.example/%zz", "https://self.example/a b",
    "https://self.example/\t",
    "https://self.example/\n", "https://self.example/\0", "https://self.example/đ", "https://đ.example/",
    "https://SELF.example/",
    "https://*.self.example/", "https://self.example/*", "https://self.example/../x", "https://self.example/%2e%2e/x",
    "https://self.example:99999/", "https://self.example:0/", "https://self.example:/x", "https://2130706433/",
    "https://0x7f000001/",
    "https://-self.example/", "https://self..example/", "https://self.example./", "x" * 1_000 + ".example/",
)  # fmt: skip
FIELDS: Final = (
    "redirect_uris", "post_logout_redirect_uris", "request_uris", "client_uri", "logo_uri", "policy_uri", "tos_uri",
    "initiate_login_uri", "backchannel_logout_uri", "frontchannel_logout_uri", "jwks_uri", "sector_identifier_uri",
)  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
async def test_addresses_that_nobody_registers(service: Provider, field: str) -> None:
    token = await initial_token(service, uses=100)
    for uri in UNREGISTRABLE:
        value: Any = [uri] if field.endswith("s") else uri
        body = {**PORTAL, field: value}
        response = await service.http("203.0.113.70").post(REGISTER, json=body, headers=bearer(token))
        assert response.status_code == 400, f"{uri!r}: {response.text}"
        assert response.json()["error"] in {"invalid_redirect_uri", "invalid_client_metadata"}, uri
    assert [event for event in await service.events("client.registered") if event.outcome == "ok"] == []


STATES: Final = (
    "a&code=evil", "a&error=x", "a#code=evil", "a%26code=evil", "%0d%0aX: y",
    "https://evil.example/", "//evil.example", "</form><script>alert(1)</script>", '" onfocus="x', "'--",
    "đường", "\u202e", "+ +", "%",
    "\\", "?", "=", "&", ";", "x" * 1_000,
)  # fmt: skip


@pytest.mark.parametrize("state", ["a\r\nLocation: //evil.example", "a\r\n\r\n<html>", "a\0", "a\tb", "\x7f"])
async def test_state_breaks_no_line(service: Provider, hoa: Browser, state: str) -> None:
    """What RFC 6749 appendix A.5 does not allow in it is sent back to nobody."""
    for mode in ("query", "form_post"):
        response = await hoa.http.get(service.portal("dossiers").ask(state=state, response_mode=mode).address)
        assert state not in str(response.headers)
        assert "evil" not in response.headers.get("location", "")
        assert "evil" not in response.text


@pytest.mark.parametrize("state", STATES)
async def test_state_adds_nothing_to_an_answer(service: Provider, hoa: Browser, state: str) -> None:
    """RFC 6749 §10.14: whatever it holds, the answer has the parameters that it has, at the registered address."""
    portal = service.portal("dossiers")
    for changes, names in (
        ({"prompt": "none"}, ["code", "state", "iss"]),
        ({"prompt": "none login"}, ["error", "error_description", "state", "iss"]),
    ):
        address = portal.ask(state=state, **changes).address
        location = (await hoa.http.get(address)).headers["location"]
        assert location.startswith(f"{portal.redirect_uri}?")
        assert location.isascii()
        assert location.isprintable()
        answered = parse_qsl(urlsplit(location).query, keep_blank_values=True)
        assert [name for name, _ in answered] == names
        assert dict(answered)["state"] == state
        posted = await hoa.open(portal.ask(state=state, response_mode="form_post", **changes).address)
        (form,) = posted.forms
        assert form.action == portal.redirect_uri
        assert [name for name, _ in form.values] == names
        assert dict(form.values)["state"].replace("\r\n", "\n") == state.replace("\r\n", "\n")


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example", "///evil.example", "/\\evil.example", "/%5cevil.example", "/%2f%2fevil.example",
        "/%09/evil.example",
        "/?next=//evil.example", "/?lang=//evil.example", "/?lang=en&return_to=https://evil.example",
        "/device?user_code=//evil.example", "/device/sign-in?user_code=//evil.example",
        "/device/sign-in?next=//evil.example",
        "/account?interaction=//evil.example", "/account?before=//evil.example", "/account?done=//evil.example",
        "/account/authenticator?interaction=//evil.example", "/activate?interaction=//evil.example",
        "/activate?next=//evil.example",
        "/activate/password?interaction=//evil.example", "/logout?state=//evil.example",
        "/logout?client_id=//evil.example",
        "/logout?post_logout_redirect_uri=https://evil.example", "/logout?logout_hint=https://evil.example",
        "/logout?ui_locales=//evil.example", "/interaction/..%2f..%2f%2fevil.example",
        "/interaction/x?lang=//evil.example",
        "/static/..%2f%2fevil.example", "/logo/%2f%2fevil.example", "/authorize?redirect_uri=https://evil.example",
        "/authorize?client_id=evil.example&redirect_uri=https://evil.example",
    ],
)  # fmt: skip
async def test_our_own_pages_lead_to_our_own(service: Provider, hoa: Browser, path: str) -> None:
    for browser in (hoa, service.browser()):
        response = await browser.http.get(f"{ISSUER}{path}", headers={"accept": "text/html"})
        location = response.headers.get("location", "/")
        assert re.fullmatch(r"/(?![/\\])[!-~]*", location), location
        assert EVIL not in location
        led = re.findall(r'(?:href|src|action|content)="([^"]*)"', response.text)
        assert not any(re.match(r"(?:https?:)?[/\\]{2}evil", unescape(address)) for address in led), led
        assert "refresh" not in response.headers
