"""What this demo is to be: how many people, which addresses, which folder."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = 100_000
ORGANISATIONS = 8_000
SEED = 1
PORTALS = ("ministry", "province", "enterprise")
HIGHEST_PORT_BASE = 65_535 - 100 - len(PORTALS)


def portal_file(name: str) -> Path:
    """The file that describes the portal called `name`."""
    return ROOT / "examples" / "portal" / f"{name}.toml"


class DemoError(Exception):
    """One sentence that says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The demo that was asked for. `people` and `organisations` are None where nothing was said."""

    folder: Path
    port_base: int = 9000
    people: int | None = None
    organisations: int | None = None
    reset: bool = False
    check: bool = False

    @property
    def issuer(self) -> str:
        """The provider's address."""
        return f"http://localhost:{self.port_base}"

    def portal_port(self, name: str) -> int:
        """The port of the portal called `name`."""
        return self.port_base + 101 + PORTALS.index(name)

    def portal_url(self, name: str) -> str:
        """The address of the portal called `name`."""
        return f"http://localhost:{self.portal_port(name)}"

    @property
    def ports(self) -> list[int]:
        """Every port that the demo listens on."""
        return [self.port_base, *(self.portal_port(name) for name in PORTALS)]

    @property
    def environment(self) -> dict[str, str]:
        """The provider's settings."""
        return {
            "IDP_ISSUER": self.issuer,
            "IDP_LISTEN": f"127.0.0.1:{self.port_base}",
            "IDP_DATABASE_URL": f"sqlite:///{self.folder / 'motcua.db'}",
            "IDP_REGISTERS_URL": f"sqlite:///{self.folder / 'registers.db'}",
            "IDP_KEK_FILE": str(self.folder / "kek"),
            "IDP_OUTBOUND_NETWORKS": "127.0.0.0/8,::1/128",  # where the portals are told of logouts
        }


def read_plan(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Plan:
    """The plan from the command line; `DEMO_*` variables give the defaults.

    Raises:
        DemoError: a variable or an option is not a number of the right size.
    """
    given = _parser().parse_args(arguments)
    people = given.people or environment.get("DEMO_PEOPLE")
    organisations = given.organisations or environment.get("DEMO_ORGANISATIONS")
    folder = given.folder or environment.get("DEMO_FOLDER") or ROOT / "var" / "demo"
    base = given.port_base or environment.get("DEMO_PORT_BASE") or "9000"
    return Plan(
        folder=Path(folder).absolute(),
        port_base=_read_number("the port base", base, 1024, HIGHEST_PORT_BASE),
        people=_read_number("the number of people", people, 100, 100_000_000) if people else None,
        organisations=_read_number("the number of organisations", organisations, 10, 10_000_000)
        if organisations
        else None,
        reset=given.command == "reset",
        check=given.check,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="demo",
        description="The provider and three portals on this machine, with an invented population.",
    )
    parser.add_argument(
        "command", nargs="?", choices=["start", "reset"], default="start", help="reset: throw the data away"
    )
    parser.add_argument("--people", help=f"people to invent (DEMO_PEOPLE; {PEOPLE})")
    parser.add_argument(
        "--organisations",
        help=f"organisations to invent (DEMO_ORGANISATIONS; {ORGANISATIONS}, or 8 of 100 people)",
    )
    parser.add_argument("--port-base", help="the provider's port; portals take the ports 101 to 103 above it")
    parser.add_argument("--folder", help="where the data live (DEMO_FOLDER; var/demo)")
    parser.add_argument("--check", action="store_true", help="start, sign in at every portal, stop")
    return parser


def _read_number(what: str, text: str, lowest: int, highest: int) -> int:
    if not (text.isascii() and text.isdecimal() and lowest <= int(text) <= highest):
        raise DemoError(
            f"{what.capitalize()} must be a whole number from {lowest} to {highest}, not {text!r}."
        )
    return int(text)
