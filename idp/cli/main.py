"""`motcua`: the one program of an installation. Each command is loaded when it is called, not before."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import click

COMMANDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "serve": ("idp.cli.serve:serve", "Run the provider."),
        "migrate": ("idp.cli.migrate:migrate", "Bring the database to the schema of this release."),
        "check": ("idp.cli.check:check", "Look over settings, database, keys, registers and clock."),
        "clients": ("idp.cli.clients:clients", "Register portals and other clients."),
        "registration": ("idp.cli.registration:registration", "Who may register clients by themselves."),
        "accounts": ("idp.cli.accounts:accounts", "Activate, lock and unlock accounts of persons."),
        "logouts": ("idp.cli.logouts:logouts", "Which portals could not be told of logouts."),
        "registers": ("idp.cli.registers:registers", "Generate, load and show the registers."),
        "keys": ("idp.cli.keys:keys_group", "Signing keys and secrets."),
    }
)
"""Command -> where it is, and its line in the list."""


class Commands(click.Group):
    """Loads a command when it is called; turns known failures into one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order an operator needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None for an unknown name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        """Run; what an operator can mend is said in one sentence, with `--debug` where it came from."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            sentence = explain(error)
            if sentence is None or ctx.params["debug"]:
                raise
            raise click.ClickException(sentence) from error


def explain(error: Exception) -> str | None:
    """One sentence for a failure that an operator can mend; None for a fault of this program."""
    from idp.settings import SettingsError
    from idp.store.database import DatabaseError
    from idp.store.outages import is_missing_table, is_outage
    from keys.keyring import NoActiveKey

    if isinstance(error, (SettingsError, DatabaseError, *_of_keys())):
        return str(error)
    if (sentence := _of_registration(error)) is not None:
        return sentence
    if isinstance(error, NoActiveKey):
        return f"There is {error}: run `motcua keys ceremony`."
    if is_missing_table(error):
        return "The database has not been set up: run `motcua migrate`, and `motcua registers load`."
    if isinstance(error, BrokenPipeError):
        return "Nobody reads the output any more."
    if is_outage(error):
        return f"The database does not answer: {str(error) or type(error).__name__}"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    return None


def _of_registration(error: Exception) -> str | None:
    """What an operator asks of registration that cannot be."""
    from idp.errors import InvalidClientMetadata
    from idp.oidc.registration.vouchers import NotThere

    if isinstance(error, InvalidClientMetadata):
        return f"That cannot be: {error.description}."
    return f"That cannot be: {error}." if isinstance(error, NotThere) else None


def _of_keys() -> tuple[type[Exception], ...]:
    """Errors of the key rooms; each says in one sentence what is wrong."""
    from idp.custody.custodian import ClockWrong, KeysMoved, NoSuchChange
    from idp.custody.published import NotShown
    from idp.custody.rewrap import CannotRewrap
    from keys.changes import NotApproved
    from keys.documents import InvalidDocument
    from keys.ground import HardwareMissing
    from keys.history import InvalidHistory
    from keys.jose import SignerUnavailable
    from keys.key_log import InvalidLog
    from keys.officers import InvalidOfficerKey
    from keys.seal import InvalidKeyEncryptionKey, SealBroken

    return (
        CannotRewrap,
        ClockWrong,
        KeysMoved,
        NoSuchChange,
        NotApproved,
        NotShown,
        InvalidDocument,
        HardwareMissing,
        InvalidHistory,
        SignerUnavailable,
        InvalidLog,
        InvalidOfficerKey,
        InvalidKeyEncryptionKey,
        SealBroken,
    )


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="motcua", prog_name="motcua")
@click.option("--debug", is_flag=True, help="Show where a failure came from.")
def motcua(debug: bool) -> None:  # noqa: FBT001 - click passes a flag by name
    """Một Cửa: one login for every public service (OpenID Connect).

    Settings are read from IDP_* environment variables; `motcua check` shows whether they work. A new installation:

    \b
      motcua keys create-kek var/kek    the key that seals all others
      motcua migrate                    lay out the database
      motcua keys ceremony --help       two officers make the signing keys
      motcua registers load FILES       population and business registers
      motcua clients add portal.json    register a portal
      motcua check                      is everything there?
      motcua serve                      run
    """  # noqa: D301 - click's mark for lines to be kept
    del debug  # read by `Commands.invoke`


def main() -> None:
    """Entry point of the program."""
    motcua(prog_name="motcua")
