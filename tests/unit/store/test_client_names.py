"""Names that people can take for each other have one key."""

from __future__ import annotations

import pytest

from idp.store.client_names import name_key

NAME = "Cổng Dịch vụ công Quốc gia"


@pytest.mark.parametrize(
    "name",
    [
        NAME,
        "CỔNG DỊCH VỤ CÔNG QUỐC GIA",
        "Cong dich vu cong quoc gia",
        "Cổng  Dịch-vụ công: Quốc gia.",
        "Cổng Dịch vụ công Quốc gia\u200b",
        "Ｃổng Dịch vụ công Quốc gia",
        "Сổng Dịch vụ соng Quốc giа",
        "C0ng dich vu c0ng qu0c gia",
        "Cong dlch vu cong quoc gla",
        "C\u006f\u0302\u0309ng Di\u0323ch vu\u0323 co\u0302ng Quo\u0302\u0301c gia",
        "𝐂𝐨𝐧𝐠 𝐝𝐢𝐜𝐡 𝐯𝐮 𝐜𝐨𝐧𝐠 𝐪𝐮𝐨𝐜 𝐠𝐢𝐚",
    ],
)
def test_names_that_look_alike(name: str) -> None:
    assert name_key(name) == name_key(NAME)


@pytest.mark.parametrize(
    ("one", "other"), [("modern", "modem"), ("ILL", "111"), ("vvest", "west"), ("đỏ", "do"), ("ß", "ss")]
)
def test_letters_that_look_alike(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize("name", ["Cổng Dịch vụ công tỉnh", "Cổng Dịch vụ công Quốc gia 2", "Quốc gia"])
def test_names_that_do_not(name: str) -> None:
    assert name_key(name) != name_key(NAME)


@pytest.mark.parametrize("name", ["", " ", "—", "\u200b"])
def test_what_is_no_name(name: str) -> None:
    assert name_key(name) == ""
