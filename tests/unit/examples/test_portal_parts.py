"""The portal's parts by themselves: sessions, keys, registration, settings, words."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from starlette.requests import Request

from examples.portal import sessions as rules
from examples.portal import words
from examples.portal.registration import client_metadata, make_key, read_key
from examples.portal.sessions import Pending, Session, Sessions
from examples.portal.settings import PortalSettingsError, read_settings

PORTALS = Path("examples/portal")


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def request_with(cookie: str, value: str) -> Request:
    return Request({"type": "http", "headers": [(b"cookie", f"{cookie}={value}".encode())]})


def kept(sessions: Sessions, session: Session) -> bool:
    return sessions.find(request_with(sessions.cookie, session.key)) is session


def test_a_session_ends_when_it_is_left_alone() -> None:
    clock = Clock()
    sessions = Sessions("portal", secure=False, clock=clock)
    session = sessions.begin()
    clock.now += rules.IDLE_SECONDS
    assert kept(sessions, session)
    clock.now += rules.IDLE_SECONDS + 1
    assert not kept(sessions, session)


def test_the_longest_unused_session_makes_room() -> None:
    sessions = Sessions("portal", secure=False)
    first, second = sessions.begin(), sessions.begin()
    assert kept(sessions, first)
    for _ in range(rules.MOST_SESSIONS - 1):
        sessions.begin()
    assert kept(sessions, first)
    assert not kept(sessions, second)


def test_strangers_push_nobody_out_who_is_signed_in() -> None:
    sessions = Sessions("portal", secure=False)
    signed_in = sessions.renew(sessions.begin())
    for _ in range(rules.MOST_SESSIONS + 1):
        sessions.begin()
    assert kept(sessions, signed_in)
    sessions.end(signed_in)
    assert not kept(sessions, signed_in)


def test_a_sign_in_on_its_way_grows_old() -> None:
    clock = Clock()
    sessions = Sessions("portal", secure=False, clock=clock)
    session = sessions.begin()
    sessions.keep_pending(session, "state", Pending("n", "v", "/", silent=False, started_at=clock.now))
    clock.now += rules.PENDING_SECONDS + 1
    assert sessions.take_pending(session, "state") is None


def test_only_the_newest_sign_ins_on_their_way_are_kept() -> None:
    sessions = Sessions("portal", secure=False)
    session = sessions.begin()
    for number in range(rules.MOST_PENDING + 1):
        pending = Pending("n", "v", "/", silent=False, started_at=sessions.clock())
        sessions.keep_pending(session, str(number), pending)
    assert sessions.take_pending(session, "0") is None
    assert sessions.take_pending(session, "1") is not None


def test_https_gets_the_host_prefix() -> None:
    assert Sessions("portal", secure=True).cookie == "__Host-portal"


def test_the_private_key_stays_with_the_portal(tmp_path: Path) -> None:
    path = tmp_path / "portal.key.json"
    key = make_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert make_key(path).kid == read_key(path).kid == key.kid
    settings = read_settings(
        PORTALS / "ministry.toml", issuer="https://id.example", base_url="https://portal.example/"
    )
    registration = client_metadata(settings, key)
    assert registration["redirect_uris"] == ["https://portal.example/callback"]
    assert registration["jwks"]["keys"][0]["kid"] == key.kid
    assert "d" not in registration["jwks"]["keys"][0]


@pytest.mark.parametrize("text", ["", "not = toml = at all", "[portal]\nname = 'x'\n[registration]\n"])
def test_a_broken_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "portal.toml"
    path.write_text(text)
    with pytest.raises(PortalSettingsError, match=r"portal\.toml"):
        read_settings(path, issuer="https://id.example", base_url="https://portal.example")


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PortalSettingsError, match="cannot be read"):
        read_settings(tmp_path / "none.toml", issuer="https://id.example", base_url="https://portal.example")


@pytest.mark.parametrize(
    ("date", "text"), [("1950", "1950"), ("1950-03", "03/1950"), ("1950-03-07", "07/03/1950")]
)
def test_birth_dates_are_as_precise_as_the_register(date: str, text: str) -> None:
    assert words.write_claims({"birthdate": date}) == [("Ngày sinh", text)]


def test_a_moment_is_written_in_the_countrys_time() -> None:
    assert words.write_time(0) == "07:00 ngày 01/01/1970"
