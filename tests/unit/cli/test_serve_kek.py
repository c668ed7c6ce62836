"""`motcua serve` does not start with a wrong or unusable key-encryption key, and says in one sentence why."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from keys.backends.pkcs11_kek import wrap_kek
from keys.seal import create_kek_file, kek_lines
from tests.support.officers_desk import Desk
from tests.support.served import free_port
from tests.support.softhsm import SoftHsm

PATIENCE: Final = 30
PROGRAM: Final = "from idp.cli.main import main; main()"
SEALED_OTHERWISE: Final = (
    "The keys of this installation were sealed under another key-encryption key than that of IDP_KEK_FILE."
)

Spoil = Callable[[Path], object]


def complaints(settings: dict[str, str], workers: int = 1) -> list[str]:
    """Start the provider, which must end with status 1; what its log complains about."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")}
    listen = f"127.0.0.1:{free_port()}"
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, "serve", "--listen", listen, "--workers", str(workers)],
        env=environment | settings,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    records = [json.loads(line) for line in ended.stderr.splitlines()]
    assert not [record for record in records if "traceback" in record]
    said = [record["message"] for record in records if record["level"] == "error"]
    return [message for message in said if message != "Application startup failed. Exiting."]


@pytest.fixture
def desk(tmp_path: Path, database_url: str, registers_url: str) -> Desk:
    """An installation that could be served."""
    desk = Desk.furnish(tmp_path, database_url)
    return Desk(tmp_path, database_url, desk.files, {**desk.settings, "IDP_REGISTERS_URL": registers_url})


def change_last_letter(file: Path) -> None:
    """Another key of 32 octets: one letter of the line differs."""
    (line,) = kek_lines(file)
    file.write_text(line[:-2] + ("A" if line[-2] != "A" else "B") + line[-1], "ascii")


def make_another(file: Path) -> None:
    file.unlink()
    create_kek_file(file)


@pytest.mark.parametrize("spoil", [make_another, change_last_letter])
@pytest.mark.parametrize("workers", [1, 2])
def test_another_key(desk: Desk, spoil: Spoil, workers: int) -> None:
    spoil(desk.folder / "kek")
    assert set(complaints(dict(desk.settings), workers)) == {SEALED_OTHERWISE}


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (Path.unlink, "The key-encryption key {file} cannot be read: No such file or directory."),
        (
            lambda file: file.write_bytes(b""),
            "The key-encryption key {file} does not hold 32 octets, plain or as base64url.",
        ),
        (
            lambda file: file.write_bytes(bytes(31)),
            "The key-encryption key {file} does not hold 32 octets, plain or as base64url.",
        ),
        (
            lambda file: file.chmod(0o640),
            "The key-encryption key {file} is open to other accounts (mode 0640); chmod 600 it.",
        ),
        (
            lambda file: file.write_text("pkcs11:kek:AAAA", "ascii"),
            "The key-encryption key {file} is wrapped by a hardware module: set IDP_PKCS11_MODULE.",
        ),
        (lambda file: (file.unlink(), file.mkdir()), "The key-encryption key {file} is not a regular file."),
    ],
    ids=["missing", "empty", "short", "open", "wrapped", "folder"],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, spoil: Spoil, sentence: str) -> None:
    """It is looked at before any database is."""
    file = tmp_path / "kek"
    create_kek_file(file)
    spoil(file)
    settings = {"IDP_KEK_FILE": str(file), "IDP_DATABASE_URL": f"sqlite:///{tmp_path}/nothing.db"}
    assert complaints(settings) == [sentence.format(file=file)]


def test_a_key_that_hardware_wrapped(tmp_path: Path, softhsm: SoftHsm) -> None:
    token, file = softhsm.open(), tmp_path / "kek"
    create_kek_file(file, lambda key: wrap_kek(token, "kek-serve", key))
    asyncio.run(token.close())
    settings = {
        "IDP_KEK_FILE": str(file),
        "IDP_DATABASE_URL": f"sqlite:///{tmp_path}/nothing.db",
        "IDP_PKCS11_MODULE": str(softhsm.library),
        "IDP_PKCS11_TOKEN": "motcua",
        "IDP_PKCS11_PIN_FILE": str(softhsm.pin_file),
    }
    with softhsm.away():
        (told,) = complaints(settings)
        assert "has no token with the label 'motcua'" in told
    change_last_letter(file)
    assert complaints(settings) == [
        "The wrapped key-encryption key does not open: it was changed, or wrapped by another key than kek-serve."
    ]
    file.write_text(file.read_text("ascii").replace("kek-serve", "kek-nowhere"), "ascii")
    assert complaints(settings) == ["The token 'motcua' has no AES key with the label kek-nowhere."]
    (told,) = complaints(settings | {"IDP_PKCS11_MODULE": str(tmp_path / "nowhere.so")})
    assert str(tmp_path / "nowhere.so") in told
