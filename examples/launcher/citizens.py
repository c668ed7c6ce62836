"""Chooses the test citizens from the register files: the same ones for the same population."""

from __future__ import annotations

import csv
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from examples.launcher.folder import Citizen
from examples.launcher.plan import DemoError

Row = Mapping[str, str]

COMPANIES = {"private_enterprise", "llc_single_member", "llc_multi_member", "joint_stock", "partnership"}
AGES = range(25, 60)
CARD_LASTS = timedelta(days=365)
SYLLABLES = [consonant + vowel for consonant in "bdghkmnprstvx" for vowel in "aeiou"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Three who get an account, the third of them a company's representative, and one who may still get one."""

    citizens: list[Citizen]
    newcomer: str


def choose_citizens(registers: Path, today: date) -> Chosen:
    """The test citizens of the population whose files are in `registers`.

    Raises:
        DemoError: the files are missing or damaged, or nobody fits.
    """
    try:
        return _choose(find_citizens(registers, today))
    except (OSError, KeyError, ValueError, csv.Error) as error:
        raise DemoError(f"The register files in {registers} cannot be used: {error!r}.") from error


def find_citizens(registers: Path, today: date) -> Iterator[Citizen]:
    """Everybody who may have an account today, with the company that each may act for alone, in the files' order."""
    companies = {
        row["record_id"]: row
        for row in _read(registers / "organisations.csv")
        if row["status"] == "active" and row["type"] in COMPANIES
    }
    represented = _representatives(registers / "representatives.csv", companies, today)
    for row in _read(registers / "people.csv"):
        if _is_fit(row, today):
            yield _citizen(row, represented.get(row["record_id"]))


def make_password() -> str:
    """A password that can be said aloud: eight invented syllables and two digits, some 55 random bits."""
    words = ["".join(secrets.choice(SYLLABLES) for _ in range(2)) for _ in range(4)]
    return "-".join([*words, str(secrets.randbelow(90) + 10)])


def _choose(citizens: Iterable[Citizen]) -> Chosen:
    ordinary: list[Citizen] = []
    representative: Citizen | None = None
    for citizen in citizens:
        if citizen.organisation is None and len(ordinary) < 3:
            ordinary.append(citizen)
        elif citizen.organisation is not None and representative is None:
            representative = citizen
        if representative and len(ordinary) == 3:
            return Chosen([*ordinary[:2], representative], ordinary[2].personal_number)
    raise DemoError("The population is too small to find three test citizens in it: ask for more people.")


def _representatives(path: Path, companies: Mapping[str, Row], today: date) -> dict[str, Row]:
    """Who may act alone for a company today, with the first such company of each."""
    found: dict[str, Row] = {}
    for row in _read(path):
        alone = row["role"] == "legal_representative" and row["joint"] == "no"
        in_force = row["since"] <= today.isoformat() and not row["until"]
        if alone and in_force and row["organisation_id"] in companies:
            found.setdefault(row["person_id"], companies[row["organisation_id"]])
    return found


def _is_fit(row: Row, today: date) -> bool:
    lasting = row["card_expires_on"] or "9999-12-31"
    return (
        row["status"] == "alive"
        and row["subject_type"] == "citizen"
        and row["card_status"] == "valid"
        and lasting > (today + CARD_LASTS).isoformat()
        and today.year - int(row["birth_date"][:4]) in AGES
    )


def _citizen(row: Row, company: Row | None) -> Citizen:
    return Citizen(
        personal_number=row["personal_number"],
        name=row["name"],
        password=make_password(),
        organisation=company["legal_name"] if company else None,
        organisation_code=company["enterprise_code"] if company else None,
    )


def _read(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
