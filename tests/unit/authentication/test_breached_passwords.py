from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.authentication.breached_passwords import UnusableList, check_list, is_breached

WORDS = [f"word-{number * 7919 % 100_003:06d}" for number in range(3000)]


def _sha1(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def _write(path: Path, lines: list[str], end: str = "\n") -> Path:
    path.write_bytes("".join(line + end for line in sorted(lines)).encode())
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_digests_as_they_are_published_are_found(tmp_path: Path, end: str) -> None:
    file = _write(tmp_path / "pwned", [f"{_sha1(word)}:{len(word)}" for word in WORDS], end)
    assert all(is_breached(file, word) for word in WORDS)
    assert not any(is_breached(file, word + "x") for word in WORDS[:500])
    assert check_list(file).startswith("SHA-1 digests, ")


def test_plain_lines_are_found_whole(tmp_path: Path) -> None:
    file = _write(tmp_path / "plain", [*WORDS, "mật khẩu của tôi", "a", "zz"])
    assert all(is_breached(file, word) for word in [*WORDS, "mật khẩu của tôi", "a", "zz"])
    assert not any(is_breached(file, word) for word in ["word", "word-00", WORDS[0][:-1], "zzz", "A", "\x00"])
    assert check_list(file).startswith("plain passwords, ")


def test_a_last_line_without_an_end_counts(tmp_path: Path) -> None:
    file = tmp_path / "plain"
    file.write_bytes(b"alpha\nbeta\ngamma")
    assert [is_breached(file, word) for word in ("alpha", "beta", "gamma", "delta")] == [
        True,
        True,
        True,
        False,
    ]


@given(
    words=st.lists(
        st.text(st.characters(min_codepoint=33, max_codepoint=0x1EFF), min_size=1, max_size=30), min_size=1
    )
)
def test_exactly_what_is_in_the_list_is_found(
    tmp_path_factory: pytest.TempPathFactory, words: list[str]
) -> None:
    lines = sorted({word.encode() for word in words if "\x85" not in word})
    file = tmp_path_factory.mktemp("list") / "plain"
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    assert all(is_breached(file, line.decode()) for line in lines)
    assert not any(is_breached(file, line.decode() + "~") for line in lines if line + b"~" not in lines)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "cannot be read: No such file"), (b"", "is empty"), (b"zeta\nalpha\n", "not in byte order")],
)
def test_an_unusable_list_is_told_in_a_sentence(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    file = tmp_path / "list"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UnusableList, match=sentence):
        check_list(file)
