from __future__ import annotations

from idp.registers.places import ministries, number_prefixes, provinces


def test_the_country_has_34_provinces_9_of_them_cities() -> None:
    assert len(provinces()) == 34
    cities = {province.name for province in provinces().values() if province.is_city}
    assert len(cities) == 9
    assert {"Đồng Nai", "Quảng Ninh", "Bắc Ninh"} < cities


def test_the_63_prefixes_lead_to_provinces_of_today() -> None:
    prefixes = number_prefixes()
    assert len(prefixes) == 63
    assert {prefix.current_province_code for prefix in prefixes.values()} == set(provinces())


def test_a_prefix_and_a_code_of_the_same_digits_are_different_provinces() -> None:
    assert number_prefixes()["024"].province_at_registration == "Bắc Giang"
    assert number_prefixes()["027"].province_at_registration == "Bắc Ninh"
    assert provinces()["24"].name == "Bắc Ninh"
    assert "27" not in provinces()


def test_17_bodies_make_the_government() -> None:
    assert len(ministries()) == 17
