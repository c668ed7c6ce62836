"""The README's table of settings is the truth: every setting with its default, and no setting that is not there."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields

from idp.settings import PREFIX, Settings
from tests.house.source import ROOT

_ROW = re.compile(rf"^\|\s*`({PREFIX}[A-Z0-9_]+)`\s*\|\s*(.*?)\s*\|\s*(.*?)\s*\|$", re.MULTILINE)


def documented(text: str) -> dict[str, tuple[str, str]]:
    """Rows of settings: variable to default and meaning."""
    return {name: (default, meaning) for name, default, meaning in _ROW.findall(text)}


def _readme() -> dict[str, tuple[str, str]]:
    return documented((ROOT / "README.md").read_text(encoding="utf-8"))


def _shown(default: object) -> str:
    """How the table writes a default; what is empty or must be given is a dash."""
    return "–" if default in (None, (), "", MISSING) else f"`{default}`"


def test_every_setting_is_documented_with_its_default() -> None:
    settings = {PREFIX + field.name.upper(): _shown(field.default) for field in fields(Settings)}
    assert {name: default for name, (default, _) in _readme().items()} == settings


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, (_, meaning) in _readme().items() if len(meaning.split()) < 4] == []


def test_control_a_row_is_read() -> None:
    row = "| `IDP_WORKERS` | `1` | processes that serve |\n"
    assert documented(row) == {"IDP_WORKERS": ("`1`", "processes that serve")}
