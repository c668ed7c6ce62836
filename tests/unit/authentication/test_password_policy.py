from __future__ import annotations

import random
import string
from pathlib import Path

import pytest

from idp.authentication.password_policy import LONGEST, KnownFacts, Weakness, find_weaknesses, normalise
from idp.registers.birth_date import read_birth_date

FACTS = KnownFacts(
    personal_number="087184000999",
    name="Đặng Thị Thu Hòa",
    birth_date=read_birth_date("1984-03-07"),
    organisations=("Công ty TNHH Hướng Dương Xanh",),
)


def weaknesses(password: str, facts: KnownFacts = FACTS) -> tuple[Weakness, ...]:
    return find_weaknesses(password, password, facts)


@pytest.mark.parametrize(
    "password",
    [
        "bida hoa sen 77",
        "trâu vàng bơ đội gạo",
        "correct horse battery staple",
        "Lá rụng 3 lần ở Bờ hồ!",
        "cửa sổ nhìn ra vườn ổi",
        "x9#Kq2vLmT4p",
        "gWmvhuezqk7w",
        "пароль-надежный-вот",
        "晨曦之中的小路上有三只猫",
        "x" + "7gKq" * 5 + "zP#2mWu",
        "кофе☕️и книги 33",
    ],
)
def test_good_passwords_are_taken(password: str) -> None:
    assert weaknesses(password) == ()


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", Weakness.TOO_SHORT),
        ("kX9#mQ2vL", Weakness.TOO_SHORT),
        ("kX9#mQ2vLw" * 13, Weakness.TOO_LONG),
        ("kX9#mQ2\x00vLw7", Weakness.FORBIDDEN_CHARACTER),
        ("kX9#mQ2\nvLw7", Weakness.FORBIDDEN_CHARACTER),
        ("kX9#mQ2\ud800vLw7", Weakness.FORBIDDEN_CHARACTER),
        # common, also with what people put around a word
        ("1234567890", Weakness.COMMON),
        ("qwertyuiop", Weakness.COMMON),
        ("Password123", Weakness.COMMON),
        ("P@ssw0rd!!!", Weakness.COMMON),
        ("basketball1", Weakness.COMMON),
        # Vietnamese words, plain and as Telex and VNI leave them
        ("matkhau2024!", Weakness.PATTERN),
        ("Mật khẩu 2026", Weakness.PATTERN),
        ("maatjkhaaur1", Weakness.PATTERN),
        ("ma65tkha63u1", Weakness.PATTERN),
        ("maajtkhaaur@", Weakness.PATTERN),
        ("anhyeuem1990", Weakness.PATTERN),
        ("anh yêu em 12", Weakness.COMMON),
        ("4nhy3u3m1999", Weakness.PATTERN),
        ("emyeuanh123", Weakness.COMMON),
        ("vietnamvodich", Weakness.PATTERN),
        ("toiyeuvietnam", Weakness.PATTERN),
        ("hanoi123456", Weakness.PATTERN),
        ("SaiGon@2025", Weakness.PATTERN),
        ("dongthap2001", Weakness.PATTERN),
        ("Bà Rịa - Vũng Tàu", Weakness.PATTERN),
        ("nguyenvanan1985", Weakness.PATTERN),
        ("tranthihuong87", Weakness.PATTERN),
        ("LeVanTuan1990", Weakness.PATTERN),
        # keyboards, repetitions, sequences
        ("1qaz2wsx3edc", Weakness.COMMON),
        ("qawsedrftgyhuj", Weakness.PATTERN),
        ("asdfghjkl;'12", Weakness.PATTERN),
        ("qwertyuiop123456", Weakness.PATTERN),
        ("aaaaaaaaaaaa", Weakness.PATTERN),
        ("abababababab", Weakness.PATTERN),
        ("abcdefghijkl", Weakness.PATTERN),
        ("87654321 87654321", Weakness.PATTERN),
        ("15/08/1975 x", Weakness.PATTERN),
        # the person
        ("087184000999", Weakness.SAME_AS_NUMBER),
        ("087 184 000 999", Weakness.SAME_AS_NUMBER),
        ("087.184.000.999", Weakness.SAME_AS_NUMBER),
        ("zKq#184000vTw", Weakness.PERSONAL_DATA),
        ("000999#zKqvTwm", Weakness.PERSONAL_DATA),
        ("dangthithuhoa", Weakness.PERSONAL_DATA),
        ("Đặng Thị Thu Hoà!", Weakness.PERSONAL_DATA),
        ("d4ng.th1.thu.h04", Weakness.PERSONAL_DATA),
        ("xkcd-thuhoa-97bv", Weakness.PERSONAL_DATA),
        ("hoathu#99kqzvm", Weakness.PERSONAL_DATA),
        ("ddawngjthij99kq", Weakness.PERSONAL_DATA),
        ("zKq#07031984mW", Weakness.PERSONAL_DATA),
        ("zKq#1984-03-07mW", Weakness.PERSONAL_DATA),
        ("zKq#030784vmWx", Weakness.PERSONAL_DATA),
        ("zKq#07/03/84mWx", Weakness.PERSONAL_DATA),
        ("zKq#731984vmWx", Weakness.PERSONAL_DATA),
        ("0912345678zk", Weakness.PERSONAL_DATA),
        ("+84 351 234 567", Weakness.PERSONAL_DATA),
        ("huongduongxanh#7k", Weakness.PERSONAL_DATA),
    ],
)
def test_weak_passwords_are_refused_with_the_reason(password: str, why: Weakness) -> None:
    assert why in weaknesses(password)


@pytest.mark.parametrize(
    ("name", "password", "refused"),
    [
        ("H'Hen Niê", "H'Hen Niê 99#kq", True),
        ("H'Hen Niê", "hhennie#99kqvz", True),
        ("Lê An", "clean water at 5", False),  # short names stand inside innocent words
        ("Y", "yellow kayak 5 owls", False),
        ("Tuấn", "tuan20041990", True),
    ],
)
def test_names_of_every_shape(name: str, password: str, *, refused: bool) -> None:
    facts = KnownFacts("087184000999", name, read_birth_date("1950"))
    assert bool(weaknesses(password, facts)) is refused


@pytest.mark.parametrize("birth", ["1950", "1950-03"])
def test_a_birth_date_that_is_not_known_to_the_day_hides_nothing(birth: str) -> None:
    facts = KnownFacts("087184000999", "Lò Văn Pao", read_birth_date(birth))
    assert weaknesses("kX9#mQ2vLw7!", facts) == ()
    if "-" in birth:
        assert weaknesses("kX9#031950Lw7!", facts) == (Weakness.PERSONAL_DATA,)


def test_the_words_of_a_person_are_cheap_for_whoever_knows_them() -> None:
    password = "hueclodia#94"
    stranger = KnownFacts("087184000999", "Lò Văn Pao", read_birth_date("1950"))
    clodia = KnownFacts("087184000999", "Clodia Huê", read_birth_date("1994"))
    assert weaknesses(password, stranger) == ()
    assert weaknesses(password, clodia) == (Weakness.PERSONAL_DATA,)


def test_the_name_of_an_organisation_may_be_as_long_as_the_register_allows() -> None:
    long_name = "Công ty TNHH " + "Hướng Dương " * 40
    facts = KnownFacts("087184000999", "Lò Văn Pao", read_birth_date("1950"), (long_name,))
    assert weaknesses("huongduong#7kqz", facts) == (Weakness.PERSONAL_DATA,)
    assert weaknesses("cửa sổ nhìn ra vườn ổi", facts) == ()


def test_two_different_entries_are_a_mismatch_beside_other_reasons() -> None:
    assert find_weaknesses("bida hoa sen 77", "bida hoa sen 78", FACTS) == (Weakness.MISMATCH,)
    assert find_weaknesses("kurz", "kurz!", FACTS) == (Weakness.TOO_SHORT, Weakness.MISMATCH)


def test_keyboards_that_compose_differently_mean_the_same_password() -> None:
    composed, decomposed = (
        "Cửa sổ nhìn ra vườn",
        "Cu\u031b\u0309a so\u0302\u0309 nhi\u0300n ra vu\u031bo\u031b\u0300n",
    )
    assert normalise(composed) == normalise(decomposed)
    assert find_weaknesses(composed, decomposed, FACTS) == ()


def test_length_is_counted_in_code_points_after_normalisation() -> None:
    assert weaknesses("ệ" * 9) == (Weakness.TOO_SHORT,)
    assert Weakness.TOO_LONG not in weaknesses("kX9#mQ2vLw"[:8] * (LONGEST // 8))


def test_random_passwords_of_a_manager_are_taken() -> None:
    generator = random.Random(7)
    alphabet = string.ascii_letters + string.digits + "#$%&*"
    made = ["".join(generator.choice(alphabet) for _ in range(16)) for _ in range(200)]
    assert [password for password in made if weaknesses(password)] == []


def test_a_breached_password_is_named_so(tmp_path: Path) -> None:
    file = tmp_path / "breached.txt"
    file.write_text("bida hoa sen 77\n", encoding="utf-8")
    assert find_weaknesses("bida hoa sen 77", "bida hoa sen 77", FACTS, file) == (Weakness.BREACHED,)
    assert find_weaknesses("bida hoa sen 78", "bida hoa sen 78", FACTS, file) == ()


def test_facts_never_show_in_a_representation() -> None:
    assert repr(FACTS) == "KnownFacts()"
