"""`motcua check`: whether everything is there that serving needs."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Final

import click

from idp.cli.check_clients import check_clients
from idp.cli.check_tls import check_tls, is_wanted
from idp.cli.findings import Finding, Verdict
from idp.cli.output import instant, json_option, say_json
from idp.settings import Settings, SettingsError, read_settings

CLOCK_WARN_SECONDS: Final = 2
CLOCK_FAIL_SECONDS: Final = 30
"""Portals commonly allow a minute of difference in the times of tokens."""

PLAUSIBLE_YEARS: Final = range(2025, 2100)
ROTATION_WARN_SECONDS: Final = 30 * 24 * 3600
STALE_REGISTERS_SECONDS: Final = 7 * 24 * 3600


Check = Callable[[Settings], Awaitable[Finding]]


@click.command()
@json_option
def check(as_json: bool) -> None:  # noqa: FBT001 - click passes a flag by name
    """Look over settings, database, keys, registers, clients, clock, TLS, passwords; exit 1 if anything fails."""
    findings = asyncio.run(look())
    if as_json:
        say_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(f"{finding.verdict:<5} {finding.subject:<10} {finding.found}")
            if finding.advice:
                click.echo(f"{'':<16} -> {finding.advice}")
    if any(finding.verdict is Verdict.FAIL for finding in findings):
        raise SystemExit(1)


async def look() -> list[Finding]:
    """Every check; where the settings cannot be read nothing else can be looked at."""
    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        return [Finding("settings", Verdict.FAIL, f"{error}.", "Correct the variable and check again.")]
    checks: dict[str, Check] = {
        "settings": check_settings,
        "database": check_database,
        "keys": check_keys,
        "registers": check_registers,
        "clients": check_clients,
        "clock": check_clock,
    }
    if is_wanted(settings):
        checks["tls"] = check_tls
    if settings.breached_passwords_file is not None:
        checks["passwords"] = check_breached_passwords
    return [await _carefully(subject, one, settings) for subject, one in checks.items()]


async def _carefully(subject: str, one: Check, settings: Settings) -> Finding:
    """A check that cannot be made has failed; the others are still made."""
    from idp.cli.main import explain

    try:
        return await one(settings)
    except Exception as error:
        sentence = explain(error)
        if sentence is None:
            raise
        return Finding(subject, Verdict.FAIL, sentence, _ADVICE.get(subject, ""))


_ADVICE: Final = {
    "database": "Look at IDP_DATABASE_URL and whether the server runs; a new installation runs `motcua migrate`.",
    "keys": "Look at IDP_KEK_FILE; `motcua keys create-kek` makes the file for a new installation.",
    "registers": "Look at IDP_REGISTERS_URL; `motcua registers load` fills them.",
    "clients": "Look at `motcua clients list`; a client that cannot be read is registered anew with --replace.",
    "clock": "It is compared with the database's: mend that first.",
}


async def check_settings(settings: Settings) -> Finding:
    """Readable, and fit for what the issuer promises."""
    summary = f"{settings.issuer}, listening on {settings.listen}, {settings.workers} worker(s)"
    if settings.sandbox:
        advice = "Anybody may register clients here: remove IDP_OPEN_REGISTRATION where real people log in."
        return Finding("settings", Verdict.WARN, summary, advice)
    if not settings.secure:
        advice = "Fit for this machine only: give people an https address in IDP_ISSUER."
        return Finding("settings", Verdict.WARN, summary, advice)
    if not settings.trusted_proxies and settings.tls_files is None:
        advice = "Name the TLS proxy in IDP_TRUSTED_PROXIES, or every caller seems to come from its address."
        return Finding("settings", Verdict.WARN, summary, advice)
    return Finding("settings", Verdict.OK, summary)


async def check_database(settings: Settings) -> Finding:
    """Reachable, and at the schema of this release."""
    from idp.store.database import open_database
    from idp.store.migrate import HEAD, version

    db = await open_database(settings.database_url, pool_size=1, read_only=True)
    try:
        found = await version(db)
    finally:
        await db.close()
    summary = f"{db.name}, schema {found or 'missing'}"
    if found != HEAD:
        return Finding("database", Verdict.FAIL, f"{summary}, needed is {HEAD}", "Run `motcua migrate`.")
    return Finding("database", Verdict.OK, summary)


async def check_keys(settings: Settings) -> Finding:
    """The key log is believed, every key and secret opens, and what officers approved is all there."""
    from idp.cli.runtime import open_provider
    from idp.custody.hardware import read_kek, token_of
    from keys.keyring import load_keyring

    token = token_of(settings)
    kek, now = read_kek(settings, token), int(time.time())
    async with open_provider(settings, read_only=True) as db:
        keyring = await load_keyring(db, kek, settings.issuer, now, token)
    ground = keyring.ground
    if ground.refused:
        advice = "Somebody has edited the database: run `motcua keys verify`, and look for who could."
        return Finding("keys", Verdict.FAIL, " ".join(ground.refused), advice)
    if keyring.missing:
        found = f"missing: {', '.join(keyring.missing)}"
        return Finding("keys", Verdict.FAIL, found, "Run `motcua keys ceremony`.")
    found = f"{len(ground.keys)} keys and {len(ground.secrets)} secrets, all opened"
    rotation = ground.history.rotation
    if rotation is None or rotation.until < now + ROTATION_WARN_SECONDS:
        until = "is not approved" if rotation is None else f"is approved until {instant(rotation.until)} only"
        advice = "Have officers approve it anew: `motcua keys rotation`."
        return Finding("keys", Verdict.WARN, f"{found}; rotation {until}", advice)
    return Finding("keys", Verdict.OK, f"{found}; rotation is approved until {instant(rotation.until)}")


async def check_registers(settings: Settings) -> Finding:
    """Reachable, filled and recent."""
    from idp.registers.extent import measure
    from idp.store.database import open_database

    db = await open_database(settings.registers_url, pool_size=1, read_only=True)
    try:
        extent = await measure(db)
    finally:
        await db.close()
    found = f"{extent.people:,} people, {extent.organisations:,} organisations, as of {instant(extent.as_of)}"
    if not extent.people:
        return Finding("registers", Verdict.WARN, found, "Nobody can log in: run `motcua registers load`.")
    if extent.as_of is None or extent.as_of < time.time() - STALE_REGISTERS_SECONDS:
        return Finding("registers", Verdict.WARN, found, "Deaths and locked cards of later are not known.")
    return Finding("registers", Verdict.OK, found)


async def check_breached_passwords(settings: Settings) -> Finding:
    """The list is there and in order: it is searched by halves, and only when somebody chooses a password."""
    from idp.authentication.breached_passwords import UnusableList, check_list

    if settings.breached_passwords_file is None:
        raise AssertionError("looked at where a list is named")
    try:
        found = check_list(settings.breached_passwords_file)
    except UnusableList as error:
        advice = "Look at IDP_BREACHED_PASSWORDS_FILE; until then nobody can choose a password."
        return Finding("passwords", Verdict.FAIL, str(error), advice)
    return Finding("passwords", Verdict.OK, f"breached ones: {found}")


async def check_clock(settings: Settings) -> Finding:
    """Plausible, and the same as the database server's: tokens and codes live by it."""
    from idp.store.clock import server_time
    from idp.store.database import open_database

    db = await open_database(settings.database_url, pool_size=1, read_only=True)
    try:
        difference = int(time.time()) - await server_time(db)
    finally:
        await db.close()
    now = int(time.time())
    found = f"{instant(now)}, {abs(difference)} s from the database server's"
    if time.gmtime(now).tm_year not in PLAUSIBLE_YEARS or abs(difference) >= CLOCK_FAIL_SECONDS:
        return Finding("clock", Verdict.FAIL, found, "Set the clocks by NTP before anything is signed.")
    if abs(difference) > CLOCK_WARN_SECONDS:
        return Finding("clock", Verdict.WARN, found, "Set both clocks by NTP.")
    return Finding("clock", Verdict.OK, found)
