"""No trick of spelling gets a browser to an address that is not registered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from hypothesis import example, given
from hypothesis import strategies as st

from idp.errors import OAuthError, PageError
from idp.oidc.authorization_request import KNOWN_PARAMETERS, read_authorization_request, read_parameters
from idp.oidc.authorization_response import location, success
from idp.oidc.pkce import challenge_of, check_verifier, read_challenge
from idp.oidc.redirect_uri import is_registered, prove_target
from tests.support.oidc_rules import CHALLENGE, ISSUER, PARAMETERS, client

REGISTERED: Final = ("https://portal.example.gov.vn/callback", "https://portal.example.gov.vn/cb?x=1")
PORTAL: Final = client(redirect_uris=list(REGISTERED))
LOOPBACK: Final = "http://127.0.0.1/cb"
APP: Final = client(
    application_type="native",
    token_endpoint_auth_method="none",
    redirect_uris=[LOOPBACK, "http://[::1]:7/cb", "vn.gov.example.app:/cb"],
    post_logout_redirect_uris=[],
)

Twist = Callable[[str], str]
TWISTS: Final[tuple[Twist, ...]] = (
    lambda uri: uri + "/",
    lambda uri: uri + "?",
    lambda uri: uri + "#",
    lambda uri: uri + " ",
    lambda uri: " " + uri,
    lambda uri: uri + "\n",
    lambda uri: uri + "\x00",
    lambda uri: uri + "/..",
    lambda uri: uri + "&y=2",
    lambda uri: uri + "%00",
    lambda uri: uri.upper(),
    lambda uri: uri.replace("https", "HTTPS"),
    lambda uri: uri.replace("portal", "Portal"),
    lambda uri: uri.replace("gov.vn", "gov.vn:443"),
    lambda uri: uri.replace("gov.vn", "gov.vn."),
    lambda uri: uri.replace("gov.vn", "gov.vn@evil.example"),
    lambda uri: uri.replace("https://", "https://evil.example@"),
    lambda uri: uri.replace("https://", "https://evil.example\\@"),
    lambda uri: uri.replace("https://", "https:\\\\"),
    lambda uri: uri.replace("https://", "https:/"),
    lambda uri: uri.replace("https://", "//"),
    lambda uri: uri.replace("https://", "http://"),
    lambda uri: uri.replace("/c", "/./c"),
    lambda uri: uri.replace("/c", "//c"),
    lambda uri: uri.replace("/c", "/%63"),
    lambda uri: uri.replace("/c", "\\c"),
    lambda uri: uri.replace(".", "\u3002"),
    lambda uri: uri.replace("a", "\u0430"),
    lambda uri: uri.replace("o", "\u2060o"),
    lambda uri: uri.replace(".gov", ".gov\t"),
)


@given(st.sampled_from(REGISTERED), st.lists(st.sampled_from(TWISTS), min_size=1, max_size=3))
def test_every_twist_is_another_address(registered: str, twists: list[Twist]) -> None:
    twisted = registered
    for twist in twists:
        twisted = twist(twisted)
    assert is_registered(PORTAL, twisted) == (twisted in REGISTERED)


@given(st.text())
def test_any_text_is_registered_or_goes_nowhere(text: str) -> None:
    try:
        target = prove_target(PORTAL, {"redirect_uri": text}, ISSUER)
    except PageError:
        assert text not in REGISTERED
    else:
        assert target.redirect_uri in REGISTERED


@given(st.integers(min_value=1, max_value=65535))
def test_an_app_may_listen_on_any_port_of_its_loopback(port: int) -> None:
    assert is_registered(APP, f"http://127.0.0.1:{port}/cb")
    assert is_registered(APP, f"http://[::1]:{port}/cb")
    assert not is_registered(PORTAL, f"http://127.0.0.1:{port}/cb")
    assert not is_registered(APP, f"http://localhost:{port}/cb")
    assert not is_registered(APP, f"http://127.0.0.1:{port}/other")
    assert not is_registered(APP, f"https://127.0.0.1:{port}/cb")


@given(st.text(max_size=30), st.text(max_size=30))
@example(":80@evil.example", "/cb")
@example(":80\\@evil.example", "/cb")
@example(":065", "/cb")
@example(":65536", "/cb")
@example(":٣", "/cb")
@example(".evil.example", "/cb")
@example("", "/cb\n")
@example("", "/cb?x")
def test_a_loopback_address_stays_on_the_loopback(after_host: str, path: str) -> None:
    uri = f"http://127.0.0.1{after_host}{path}"
    if is_registered(APP, uri):
        parts = urlsplit(uri)
        assert (parts.hostname, parts.path, parts.username) == ("127.0.0.1", "/cb", None)
        assert parts.netloc.removeprefix("127.0.0.1:").isdecimal() or parts.netloc == "127.0.0.1"


@given(
    st.sampled_from(REGISTERED),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=200),
    st.text(max_size=50),
)
def test_a_response_stays_at_its_address(uri: str, state: str, code: str) -> None:
    code = code.encode("utf-8", "ignore").decode("utf-8")
    target = prove_target(PORTAL, {"redirect_uri": uri, "state": state}, ISSUER)
    sent = location(success(target, code))
    assert sent.startswith(uri)
    assert sent.isascii()
    assert sent.isprintable()
    assert urlsplit(sent)[:3] == urlsplit(uri)[:3]
    assert "#" not in sent


_NAMES: Final = st.one_of(st.sampled_from(sorted(KNOWN_PARAMETERS)), st.text(max_size=10))
_PLAUSIBLE: Final = st.sampled_from(
    [
        "", "code", "query", "form_post", "openid", "openid profile", "none", "login", "0", "-1", "S256", "plain",
        CHALLENGE, "{}", '{"userinfo":{}}', '{"id_token":{"acr":{"essential":true}}}', "[[", "\x00", "\ud800", "vi",
    ]
)  # fmt: skip
_PAIRS: Final = st.lists(st.tuples(_NAMES, st.one_of(_PLAUSIBLE, st.text(max_size=40))), max_size=12)


@given(_PAIRS, st.booleans())
def test_a_request_is_read_or_refused_and_nothing_else(
    sent: list[tuple[str, str]],
    on_top_of_a_good_one: bool,  # noqa: FBT001 - a coin
) -> None:
    good = [(name, value) for name, value in PARAMETERS.items() if name not in dict(sent)]
    good.append(("redirect_uri", REGISTERED[0]))
    try:
        parameters = read_parameters([*good, *sent] if on_top_of_a_good_one else sent)
        target = prove_target(PORTAL, parameters, ISSUER)
        request = read_authorization_request(parameters, PORTAL, target)
    except (OAuthError, PageError):
        return
    assert request.redirect_uri in REGISTERED
    assert "openid" in request.scope
    assert request.code_challenge is not None


@given(st.from_regex(r"[A-Za-z0-9._~-]{43,128}", fullmatch=True))
def test_every_well_formed_verifier_fits_its_challenge(verifier: str) -> None:
    challenge = read_challenge(challenge_of(verifier), "S256", required=True)
    check_verifier(verifier, challenge)


@given(st.text())
def test_no_other_text_is_a_verifier(text: str) -> None:
    try:
        check_verifier(text, CHALLENGE)
    except OAuthError:
        return
    assert challenge_of(text) == CHALLENGE
