from __future__ import annotations

from idp.authentication.hashing import PasswordHasher
from idp.authentication.new_password import NewPassword, prove_new_password
from idp.authentication.password_policy import KnownFacts, Weakness
from idp.registers.birth_date import read_birth_date

FACTS = KnownFacts("087184000999", "Đặng Thị Thu Hòa", read_birth_date("1984-03-07"))


async def test_a_good_password_comes_back_hashed(hasher: PasswordHasher) -> None:
    made = await prove_new_password(hasher, "bida hoa sen 77", "bida hoa sen 77", FACTS, None)
    assert isinstance(made, NewPassword)
    assert await hasher.verify(made.verifier, "bida hoa sen 77")
    assert made.verifier not in repr(made)


async def test_a_weak_password_comes_back_as_its_reasons(hasher: PasswordHasher) -> None:
    assert await prove_new_password(hasher, "matkhau2024!", "x", FACTS, None) == (
        Weakness.PATTERN,
        Weakness.MISMATCH,
    )
