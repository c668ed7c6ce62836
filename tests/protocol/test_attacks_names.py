"""Homograph client names (RFC 7591 §5, UTS 39): nobody is called what people would take for another, or for us.

By registration, by update and by a statement, in both languages; the alphabet of names itself is tested beside its
rule in tests/unit/oidc/test_client_name.py.
"""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator, Callable, Mapping
from itertools import count
from typing import Any, Final

import httpx2
import pytest

from idp.oidc.registration.vouchers import trust_issuer
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.provider import Ground, Provider
from tests.support.registering import (
    PORTAL,
    ask,
    initial_token,
    refused,
    registered,
    software_statement,
    statement_key,
    terms,
)

MEANT: Final = ("Cổng dịch vụ công của tỉnh", "Portal province", "Một Cửa")
"""The name of another owner's portal, in both languages, and ours."""
_networks = count(1)


def _plain(name: str) -> str:
    """Without marks: what many people type."""
    stripped = "".join(one for one in unicodedata.normalize("NFD", name) if not unicodedata.combining(one))
    return stripped.replace("đ", "d").replace("Đ", "D")


def _within(inserted: str) -> Callable[[str], str]:
    return lambda name: f"{name[:3]}{inserted}{name[3:]}"


def _with(letters: str, others: str) -> Callable[[str], str]:
    """Letters in the place of others, where the name has them without marks."""
    return lambda name: _plain(name).translate(str.maketrans(letters, others))


def _shifted(first: str, last: str, by: int) -> Callable[[str], str]:
    """The same letters, elsewhere in Unicode."""
    return lambda name: "".join(chr(ord(one) + by) if first <= one <= last else one for one in _plain(name))


def _joined(mark: str) -> Callable[[str], str]:
    """A mark over, under or through every letter."""

    def between(name: str) -> str:
        return mark.join(name)

    return between


TRICKS: Final[Mapping[str, Callable[[str], str]]] = {
    "the same": lambda name: name,
    "decomposed": lambda name: unicodedata.normalize("NFD", name),
    "without marks": _plain,
    "with other marks": lambda name: _plain(name).replace("o", "ó").replace("a", "ả"),
    "in capitals": str.upper,
    "in small letters": str.lower,
    "with a full stop": lambda name: f"{name}.",
    "in quotation marks": lambda name: f"“{name}”",
    "in brackets": lambda name: f"({name})",
    "with hyphens": lambda name: name.replace(" ", "-"),
    "with underscores": lambda name: name.replace(" ", "_"),
    "without spaces": lambda name: name.replace(" ", ""),
    "with spaces within": lambda name: " ".join(name.replace(" ", "")),
    "1 for l and i": _with("liI", "111"),
    "l for i": _with("iI", "ll"),
    "0 for o": _with("oO", "00"),
    "a zero-width space": _within("\u200b"),
    "a zero-width joiner": _within("\u200d"),
    "a word joiner": _within("\u2060"),
    "a byte order mark": _within("\ufeff"),
    "a soft hyphen": _within("\u00ad"),
    "an override of the direction": _within("\u202e"),
    "an isolate of the direction": _within("\u2066"),
    "a mark of the direction": _within("\u200e"),
    "a variation selector": _within("\ufe0f"),
    "a tag": _within("\U000e0041"),
    "a line break": _within("\n"),
    "a tab": _within("\t"),
    "a no-break space": lambda name: name.replace(" ", "\u00a0"),
    "an ideographic space": lambda name: name.replace(" ", "\u3000"),
    "a blank of Braille": lambda name: name.replace(" ", "\u2800"),
    "a filler of Hangul": _within("\u3164"),
    "two spaces": lambda name: name.replace(" ", "  "),
    "a space before": lambda name: f" {name}",
    "Cyrillic letters": _with("aceopxyC", "асеорхуС"),
    "Greek letters": _with("oupvM", "ουρνΜ"),
    "Armenian letters": _with("on", "օո"),
    "letters of the phonetic alphabet": _with("ag", "ɑɡ"),
    "full-width letters": _shifted("!", "~", 0xFEE0),
    "mathematical letters": _shifted("a", "z", 0x1D41A - ord("a")),
    "small capitals": _with("crtm", "ᴄʀᴛᴍ"),
    "letters in circles": _with("co", "ⓒⓞ"),
    "a dotless i": _with("i", "ı"),
    "a long s": _with("s", "ſ"),
    "crossed out": _joined("\u0336"),
    "underlined": _joined("\u0332"),
    "in a square": lambda name: f"{name[0]}\u20de{name[1:]}",
    "a second mark": lambda name: f"{name[:2]}\u0323\u0323\u0323{name[2:]}",
    "markup": lambda name: f"<b>{name}</b>",
    "an image": lambda name: f"✅ {name}",
}  # fmt: skip


@pytest.fixture(scope="module")
async def service(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A provider that trusts an issuer of statements."""
    async with provider_on_sqlite(tmp_path_factory.mktemp("attacks-names"), provider_ground) as provider:
        keys = {"keys": [statement_key().public_jwk()]}
        await trust_issuer(
            provider.context(), "https://registry.example", keys, terms(), operator="operator-1"
        )
        yield provider


def _named(name: str, member: str) -> dict[str, Any]:
    return {"client_name": "Cổng khác", "client_name#en": "Another portal", member: name}


def _is_refused(response: httpx2.Response) -> None:
    refused(response, "invalid_client_metadata")
    assert "client_name" in response.json()["error_description"]


@pytest.mark.parametrize("trick", TRICKS)
async def test_nobody_registers_a_name_that_passes_for_anothers(service: Provider, trick: str) -> None:
    token = await initial_token(service)
    for name in map(TRICKS[trick], MEANT):
        for member in ("client_name", "client_name#en", "client_name#vi"):
            _is_refused(await ask(service, token, **{**PORTAL, **_named(name, member)}))


@pytest.mark.parametrize("trick", TRICKS)
async def test_nobody_is_renamed_so(service: Provider, trick: str) -> None:
    """RFC 7592 §2.2: an honest name first, another when nobody looks."""
    client = await registered(service, await initial_token(service), client_name="Cổng khác")
    for name in map(TRICKS[trick], MEANT):
        _is_refused(await client.put(client_name=name))
    assert (await client.manage("GET")).json()["client_name"] == "Cổng khác"


@pytest.mark.parametrize("trick", TRICKS)
async def test_no_statement_names_anybody_so(service: Provider, trick: str) -> None:
    """Trust in an issuer is no licence: the owner of the terms is another than that of the name."""
    for name in map(TRICKS[trick], MEANT):
        statement = await software_statement(client_name=name)
        address = f"203.0.{next(_networks) % 250}.9"
        _is_refused(await ask(service, "", address, software_statement=statement))


async def test_control_other_names_are_free(service: Provider) -> None:
    for name in ("Cổng dịch vụ công của tỉnh khác", "Một cửa phường Bến Nghé", "Portal of a province"):
        await registered(service, await initial_token(service), client_name=name)
