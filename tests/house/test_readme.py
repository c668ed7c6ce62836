"""What the README promises is there: commands, make targets, links, the picture, columns, scopes, the sample."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import click
import pytest

from idp.cli.main import motcua
from idp.oidc.authorization_details.granting import check_terms
from idp.oidc.authorization_details.request import read_details
from idp.oidc.authorization_details.table import TYPES
from idp.oidc.client import KINDS, Kind, KindRules
from idp.oidc.client_metadata import read_client
from idp.oidc.grant_types import CIBA, DEVICE_CODE, TOKEN_EXCHANGE
from idp.oidc.profile import LONGEST_LEGACY, PROFILES, ProfileRules
from idp.oidc.scope import SCOPES, Scope
from idp.registers.columns import COLUMNS, Column
from tests.house.source import ROOT

README = ROOT / "README.md"
DECISIONS = ROOT / "idp" / "decisions"
PICTURE = ROOT / "examples" / "pictures" / "login.png"
LARGEST_PICTURE = 60_000  # bytes: the page is read on slow lines too
DOCUMENTS = (
    README,
    *(ROOT / folder / "README.md" for folder in ("examples", "bench")),
    *DECISIONS.glob("*.md"),
)
NOW = 1_795_305_600
GRANTS = {
    "authorization_code": "code",
    "refresh_token": "refresh",
    "client_credentials": "client credentials",
    DEVICE_CODE: "device",
    TOKEN_EXCHANGE: "exchange",
    CIBA: "backchannel",
}

_CODE = re.compile(r"`([^`\n]+)`|^    ([^\n]+)$", re.MULTILINE)
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
_DECISION = re.compile(r"(\d{4})-[a-z0-9-]+\.md")
_SECTIONS = ("Context", "Decision", "Consequence")


def _text(path: Path = README) -> str:
    return path.read_text(encoding="utf-8")


def code_of(text: str) -> list[str]:
    """Spans and indented lines of code, without what follows a number sign."""
    found = (span or line for span, line in _CODE.findall(_FENCED.sub("", text)))
    return [one.split("  #")[0].strip() for one in found]


def calls_of(text: str, program: str) -> list[list[str]]:
    """Every call of a program in the code of a text: its arguments."""
    lines = (re.sub(r"^\S*/", "", one) for one in code_of(text))
    return [shlex.split(one)[1:] for one in lines if one.startswith(f"{program} ")]


def _resolve(arguments: Iterable[str]) -> tuple[click.Command, str, list[str]]:
    """The command that arguments lead to, its whole name, and the arguments that are left."""
    command: click.Command = motcua
    context, name, rest = click.Context(motcua), "motcua", list(arguments)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(context, rest[0])
        assert found is not None, f"{name} {rest[0]}"
        command, name = found, f"{name} {rest.pop(0)}"
    return command, name, rest


def unknown_options(arguments: Iterable[str]) -> list[str]:
    """Options that the command which is called does not have."""
    command, _, rest = _resolve(arguments)
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    return [one for one in rest if one.startswith("--") and one not in known]


def _every_command(command: click.Command, name: str) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield name
        return
    context = click.Context(command)
    for one in command.list_commands(context):
        found = command.get_command(context, one)
        assert found is not None
        yield from _every_command(found, f"{name} {one}")


def anchors_of(text: str) -> set[str]:
    """The anchors of a page's headings, as they are made where such pages are shown."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(_FENCED.sub("", text)))
    return {heading.replace(" ", "-") for heading in plain}


def broken_links(path: Path, text: str) -> list[str]:
    """Links to files or headings that are not there; other sites are not asked."""
    links = [link for link in _LINK.findall(_FENCED.sub("", text)) if "://" not in link]
    return [link for link in links if not _leads_somewhere(link, path, text)]


def _leads_somewhere(link: str, path: Path, text: str) -> bool:
    """Whether the file is there that a page links to, and its heading."""
    name, _, heading = link.partition("#")
    if name and not (path.parent / name).exists():
        return False
    return not heading or heading in anchors_of(_text(path.parent / name) if name else text)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def table_of_columns(columns: Iterable[Column]) -> str:
    """A register file's columns as the README lists them."""
    rows = (
        f"| `{one.name}` | {'yes' if one.required else ''} | {_cell(one.meaning)} | {_cell(one.format)} |"
        for one in columns
    )
    return "\n".join(("| column | needed | meaning | format |", "|---|---|---|---|", *rows))


def row_of_scope(name: str, scope: Scope) -> str:
    """A scope as the README lists it."""
    claims = ", ".join(f"`{claim}`" for claim in scope.claims)
    law = "only with `statutory_task`" if scope.needs_statutory_task else ""
    level = "" if scope.account_level.value == "01" else f"account of level {scope.account_level.value}"
    return f"| `{name}` | {claims} | {law or level} |"


def test_every_command_that_is_named_exists_with_its_options() -> None:
    calls = [call for path in DOCUMENTS for call in calls_of(_text(path), "motcua")]
    assert len(calls) > 20
    assert [one for call in calls for one in unknown_options(call)] == []


def test_every_command_is_named() -> None:
    named = {_resolve(call)[1] for call in calls_of(_text(), "motcua")}
    assert set(_every_command(motcua, "motcua")) - named == set()


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    named = {call[0] for path in DOCUMENTS for call in calls_of(_text(path), "make")}
    assert {"demo", "test"} <= named
    assert named - targets == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    assert broken_links(path, _text(path)) == []


def test_the_picture_is_there_and_small() -> None:
    assert f"]({PICTURE.relative_to(ROOT)})" in _text()
    picture = PICTURE.read_bytes()
    assert picture.startswith(b"\x89PNG\r\n")
    assert len(picture) < LARGEST_PICTURE


@pytest.mark.parametrize("file", COLUMNS)
def test_the_columns_of_the_registers_are_those_of_the_code(file: str) -> None:
    assert f"### `{file}`\n\n{table_of_columns(COLUMNS[file])}\n" in _text()


def test_the_scopes_are_those_of_the_code() -> None:
    rows = "\n".join(row_of_scope(name, scope) for name, scope in SCOPES.items())
    assert f"|---|---|---|\n{rows}\n" in _text()


def start_of_row_of_kind(kind: Kind, rules: KindRules) -> str:
    """A kind of client as the README lists it, but for the words of its last column."""
    methods = ", ".join(f"`{method}`" for method in sorted(rules.methods))
    grants = ", ".join(words for grant, words in GRANTS.items() if grant in rules.grant_types)
    profiles = ", ".join(f"`{profile}`" for profile in rules.profiles)
    return f"| `{kind}` | `{rules.application_type}` | {methods} | {grants} | {profiles} |"


@pytest.mark.parametrize("kind", KINDS)
def test_the_kinds_of_clients_are_those_of_the_code(kind: Kind) -> None:
    rules = KINDS[kind]
    assert rules.grant_types <= GRANTS.keys()
    row = next(line for line in _text().splitlines() if line.startswith(f"| `{kind}` |"))
    assert row.startswith(start_of_row_of_kind(kind, rules))
    said = {
        "`key_set_addresses`": rules.asks_for_keys,
        "any port": rules.any_loopback_port,
        "(CORS)": rules.origins_may_ask,
        "without a page": rules.silent_only_when_claimed,
    }
    assert {words: words in row for words in said} == said


ALWAYS: Final = {"always": True, "if you like": False}
TOLD_OF_PROFILES: Final[dict[str, Callable[[ProfileRules], object]]] = {
    "requests are pushed (RFC 9126)": lambda rules: rules.pushed_requests,
    "requests are signed (RFC 9101)": lambda rules: rules.signed_requests,
    "answers are signed (JARM)": lambda rules: "query" not in rules.response_modes,
    "PKCE with S256": lambda rules: rules.pkce,
    "access tokens are bound to a key or a certificate": lambda rules: rules.sender_constrained,
    "DPoP proofs hold a nonce of ours": lambda rules: rules.dpop_nonce,
}


@pytest.mark.parametrize("row", TOLD_OF_PROFILES)
def test_the_profiles_are_those_of_the_code(row: str) -> None:
    line = next(line for line in _text().splitlines() if line.startswith(f"| {row} |"))
    told = [cell.strip() for cell in line.strip("|").split("|")[1:]]
    assert [ALWAYS[cell] for cell in told] == [TOLD_OF_PROFILES[row](rules) for rules in PROFILES.values()]


def test_the_end_of_legacy_is_told() -> None:
    assert f"after `legacy_until`, {LONGEST_LEGACY} days ahead at most" in _text()
    assert [name for name, rules in PROFILES.items() if rules.ends] == ["legacy"]


def test_the_sample_registration_is_accepted() -> None:
    registrations = [sample for sample in _samples() if isinstance(sample, dict)]
    assert [read_client(sample, now=NOW).client_id for sample in registrations] == ["my-portal"]


def test_the_sample_mandate_is_accepted() -> None:
    (asked,) = [sample for sample in _samples() if isinstance(sample, list)]
    registration = next(sample for sample in _samples() if isinstance(sample, dict))
    portal = read_client({**registration, "authorization_details_types": ["vn_mandate"]}, now=NOW)
    details = read_details(json.dumps(asked), portal, ())
    check_terms(details, NOW)
    assert TYPES["vn_mandate"].members <= details[0].keys()


def _samples() -> list[Any]:
    return [json.loads(body) for language, body in _FENCED.findall(_text()) if language == "json"]


def test_decisions_are_numbered_dated_and_whole() -> None:
    names = sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))
    numbers = [int(found[1]) for name in names if (found := _DECISION.fullmatch(name))]
    assert numbers == list(range(1, len(names) + 1))
    for name in names:
        text = _text(DECISIONS / name)
        assert text.startswith(f"# {name[:4]} "), name
        assert re.search(r"^\d{4}-\d{2}$", text, re.MULTILINE), name
        assert tuple(re.findall(r"^## (.+)$", text, re.MULTILINE)) == _SECTIONS, name


def test_control_what_is_not_there_is_found() -> None:
    text = (
        "# A b\n\n`motcua clients add F --fast`\n\n[x](#a-b) [y](#c) [z](nothing.md) [w](bench/README.md#d)\n"
    )
    assert unknown_options(calls_of(text, "motcua")[0]) == ["--fast"]
    assert broken_links(README, text) == ["#c", "nothing.md", "bench/README.md#d"]
    with pytest.raises(AssertionError, match="motcua fly"):
        _resolve(["fly"])
