"""What an officer types as a telephone number or an e-mail address."""

from __future__ import annotations

import pytest

from idp.accounts.contacts import UnusableContact, read_email, read_phone_number


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("0912345678", "+84912345678"),
        (" 0912 345.678 ", "+84912345678"),
        ("+84 912-345-678", "+84912345678"),
        ("(024) 3825 0001", "+842438250001"),
        ("+8562055551234", "+8562055551234"),
        ("+1 (202) 555-0143", "+12025550143"),
    ],
)
def test_a_number(typed: str, number: str) -> None:
    assert read_phone_number(typed) == number


@pytest.mark.parametrize(
    "typed",
    ["", "113", "912345678", "091234567", "091234567890", "+84 0912 345 678", "+84", "+1234567890123456", "0912345678x",
     "０912345678", "+0912345678", "0912345678;ext=1"],
)  # fmt: skip
def test_what_is_no_number(typed: str) -> None:
    with pytest.raises(UnusableContact):
        read_phone_number(typed)


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("hoa@example.vn", "hoa@example.vn"),
        (" Nguyen.Thi+Hoa@Thu.Example.VN ", "Nguyen.Thi+Hoa@thu.example.vn"),
        ("o'neil_9@xn--thin-7wa.vn", "o'neil_9@xn--thin-7wa.vn"),
    ],
)
def test_an_address(typed: str, address: str) -> None:
    assert read_email(typed) == address


@pytest.mark.parametrize(
    "typed",
    ["", "hoa", "@example.vn", "hoa@", "hoa@localhost", "hoa@example", "a..b@example.vn", ".a@example.vn",
     "a b@example.vn", '"a"@example.vn', "a@[127.0.0.1]", "a@127.0.0.1", "a@example.vn\nbcc: b@example.vn",
     "a@-example.vn", "hòa@example.vn", "a@b@example.vn", f"{'a' * 65}@example.vn", f"a@{'b.' * 130}vn"],
)  # fmt: skip
def test_what_is_no_address(typed: str) -> None:
    with pytest.raises(UnusableContact):
        read_email(typed)
