"""Sealing at rest, and the file with the key-encryption key."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from keys import base64url
from keys.seal import (
    InvalidKeyEncryptionKey,
    KeyEncryptionKey,
    SealBroken,
    create_kek_file,
    kek_lines,
    replace_kek_file,
    seal_under,
    unseal_under,
)

KEY = bytes(range(32))
SECRET = b"token-of-256-random-bits-in-base64url-letters"


@pytest.fixture
def kek() -> KeyEncryptionKey:
    return KeyEncryptionKey.of(KEY)


def _file(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "kek"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_what_was_sealed_opens_in_its_place_only(kek: KeyEncryptionKey) -> None:
    sealed = kek.seal(b"private", purpose="id_token", name="kid-1")
    assert b"private" not in sealed
    assert kek.unseal(sealed, purpose="id_token", name="kid-1") == b"private"
    for purpose, name in [("id_token", "kid-2"), ("access_token", "kid-1"), ("id_tokenk", "id-1"), ("", "")]:
        with pytest.raises(SealBroken):
            kek.unseal(sealed, purpose=purpose, name=name)


def test_every_sealing_differs(kek: KeyEncryptionKey) -> None:
    assert kek.seal(b"a", purpose="p", name="n") != kek.seal(b"a", purpose="p", name="n")


def test_every_changed_octet_breaks_the_seal(kek: KeyEncryptionKey) -> None:
    sealed = kek.seal(b"private", purpose="p", name="n")
    for index in range(len(sealed)):
        changed = sealed[:index] + bytes([sealed[index] ^ 1]) + sealed[index + 1 :]
        with pytest.raises(SealBroken):
            kek.unseal(changed, purpose="p", name="n")


@pytest.mark.parametrize("length", [0, 1, 9, 40, -1])
def test_cut_values_break_the_seal(kek: KeyEncryptionKey, length: int) -> None:
    sealed = kek.seal(b"private", purpose="p", name="n")
    with pytest.raises(SealBroken):
        kek.unseal(sealed[:length], purpose="p", name="n")


def test_another_key_encryption_key_says_so(kek: KeyEncryptionKey) -> None:
    sealed = kek.seal(b"private", purpose="p", name="n")
    other = KeyEncryptionKey.of(os.urandom(32))
    assert kek.sealed(sealed)
    assert not other.sealed(sealed)
    with pytest.raises(SealBroken, match="another key-encryption key"):
        other.unseal(sealed, purpose="p", name="n")


def test_the_key_does_not_show(kek: KeyEncryptionKey) -> None:
    assert "_key" not in repr(kek)
    assert kek.id not in KEY


def test_sealing_under_a_secret() -> None:
    sealed = seal_under(SECRET, b"next token", aad=b"family-1")
    assert unseal_under(SECRET, sealed, aad=b"family-1") == b"next token"
    for secret, aad in [(SECRET + b"x", b"family-1"), (SECRET, b"family-2"), (SECRET, b"")]:
        with pytest.raises(SealBroken):
            unseal_under(secret, sealed, aad=aad)
    for broken in (b"", b"\x02" + sealed[1:], sealed[:20], sealed[:-1], sealed + b"\x00"):
        with pytest.raises(SealBroken):
            unseal_under(SECRET, broken, aad=b"family-1")


@pytest.mark.parametrize("use", [lambda s: seal_under(s, b""), lambda s: unseal_under(s, b"")])
def test_short_secrets_are_refused(use: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ValueError, match="32 octets"):
        use(b"x" * 31)


@pytest.mark.parametrize(
    "content",
    [KEY, base64url.encode(KEY), base64url.encode(KEY) + b"\n", base64url.encode(KEY) + b"=\r\n"],
    ids=["octets", "base64url", "line", "padded"],
)
def test_both_spellings_of_the_file(tmp_path: Path, kek: KeyEncryptionKey, content: bytes) -> None:
    assert KeyEncryptionKey.read_file(_file(tmp_path, content)) == kek


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o777, 0o601])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(InvalidKeyEncryptionKey, match="open to other accounts"):
        KeyEncryptionKey.read_file(_file(tmp_path, KEY, mode))


@pytest.mark.parametrize(
    "content",
    [b"", KEY[:31], KEY + b"\n\n", base64url.encode(KEY[:31]), b"\xff" * 43, b"A" * 44, b"x" * 5000],
)
def test_a_file_without_such_a_key_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidKeyEncryptionKey, match="32 octets"):
        KeyEncryptionKey.read_file(_file(tmp_path, content))


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(InvalidKeyEncryptionKey, match=str(path)):
            KeyEncryptionKey.read_file(path)


def test_creating_a_file_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "kek"
    made = create_kek_file(path)
    content = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert KeyEncryptionKey.read_file(path) == made
    with pytest.raises(InvalidKeyEncryptionKey, match="cannot be created"):
        create_kek_file(path)
    assert path.read_bytes() == content


def test_the_key_in_use_is_the_one_that_sealed() -> None:
    first, second, third = (KeyEncryptionKey.of(bytes([number]) * 32) for number in range(3))
    all_three = KeyEncryptionKey.of(bytes(32), b"\x01" * 32, b"\x02" * 32)
    assert all_three == KeyEncryptionKey.of(bytes(32), b"\x01" * 32, b"\x02" * 32)
    for one in (first, second, third):
        sealed = one.seal(b"a", purpose="p", name="n")
        used = all_three.that_sealed(sealed)
        assert used.id == one.id
        assert one.unseal(used.seal(b"b", purpose="p", name="n"), purpose="p", name="n") == b"b"
        for other in (first, second, third):
            value = other.seal(b"c", purpose="p", name="n")
            assert used.unseal(value, purpose="p", name="n") == b"c"
            assert used.that_sealed(value).id == other.id
    stranger = KeyEncryptionKey.of(b"s" * 32).seal(b"a", purpose="p", name="n")
    assert all_three.that_sealed(stranger) == all_three


def test_the_lines_of_the_file_are_replaced_as_they_are(tmp_path: Path) -> None:
    path = _file(tmp_path, KEY)
    assert kek_lines(path) == [base64url.encode_text(KEY)]
    lines = [base64url.encode_text(b"n" * 32), base64url.encode_text(KEY)]
    replace_kek_file(path, lines)
    assert kek_lines(path) == lines
    assert KeyEncryptionKey.read_file(path) == KeyEncryptionKey.of(b"n" * 32, KEY)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["kek"]
    with pytest.raises(InvalidKeyEncryptionKey, match="cannot be replaced: No such file"):
        replace_kek_file(tmp_path / "nowhere" / "kek", lines)
