"""What the demo tells people, as a table, and programs, as JSON."""

from __future__ import annotations

import os
import shlex
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from examples.launcher.folder import Folder, State
from examples.launcher.plan import PORTALS, Plan, portal_file
from examples.portal.settings import read_settings

COMMAND = [str(Path(sys.executable).with_name("motcua"))]
"""How a program calls `motcua`; it needs the settings of `environment`."""

TITLES = {"ministry": "Ministry portal", "province": "Province portal", "enterprise": "Enterprise portal"}


def list_facts(plan: Plan, folder: Folder, state: State) -> dict[str, Any]:
    """Everything a program needs to use the running demo."""
    return {
        "issuer": plan.issuer,
        "discovery": f"{plan.issuer}/.well-known/openid-configuration",
        "portals": {name: _list_portal(plan, name) for name in PORTALS},
        "citizens": [
            {
                "personal_number": citizen.personal_number,
                "name": citizen.name,
                "password": citizen.password,
                "organisation": citizen.organisation,
                "organisation_code": citizen.organisation_code,
            }
            for citizen in state.citizens
        ],
        "newcomer": {
            "personal_number": state.newcomer,
            "code_command": [*COMMAND, "accounts", "activate", state.newcomer, "--json"],
            "activate_url": f"{plan.issuer}/activate",
        },
        "account_url": f"{plan.issuer}/account",
        "people": state.people,
        "organisations": state.organisations,
        "folder": str(folder.path),
        "logs": str(folder.logs),
        "environment": plan.environment,
        "environment_file": str(folder.path / "demo.env"),
        "command": COMMAND,
        "process": os.getpid(),
    }


def _list_portal(plan: Plan, name: str) -> dict[str, str]:
    url = plan.portal_url(name)
    registration = read_settings(portal_file(name), issuer=plan.issuer, base_url=url).registration
    return {
        "title": TITLES[name],
        "url": url,
        "login_url": f"{url}/login",
        "client_id": registration["client_id"],
        "scope": registration["scope"],
        "legal_basis": registration["legal_basis"],
    }


def write_environment(plan: Plan) -> str:
    """The provider's settings for a shell: `set -a; . var/demo/demo.env`."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in plan.environment.items())


def draw_table(plan: Plan, folder: Folder, state: State) -> str:
    """The one table that the person at the terminal reads."""
    addresses = [("Provider (Một Cửa)", plan.issuer)]
    addresses += [(TITLES[name], plan.portal_url(name)) for name in PORTALS]
    people = [("Test citizen", "Personal number", "Password", "May act for")]
    people += [
        (citizen.name, citizen.personal_number, citizen.password, citizen.organisation or "themselves")
        for citizen in state.citizens
    ]
    environment = _short(folder.path / "demo.env")
    hints = [
        ("Log in", 'Open a portal, press "Đăng nhập", give a personal number and its password.'),
        ("", "Then open another portal: it lets you in without asking again."),
        ("Activate", f"set -a; . {environment}; .venv/bin/motcua accounts activate {state.newcomer}"),
        ("", f"then open {plan.issuer}/activate with that number and the code."),
        ("For programs", _short(folder.path / "demo.json")),
        ("Stop", "Ctrl-C. The data stay; 'make demo' goes on with them, 'make demo-reset' starts over."),
    ]
    blocks = [_columns(addresses), _columns(people), _columns(hints)]
    width = max(_width(line) for block in blocks for line in block)
    rule = "─" * width
    return "\n".join([rule, *[line for block in blocks for line in [*block, rule]]])


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(_width(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "   ".join(_pad(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _pad(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """How many columns the text takes: marks that combine with the letter before them take none."""
    return sum(1 for letter in text if not unicodedata.combining(letter))


def _short(path: Any) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
