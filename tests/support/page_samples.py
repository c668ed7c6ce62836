"""Invented persons and portals for the pages of the gallery."""

from __future__ import annotations

from typing import Final

from idp.pages.views import ClientCard

NOON: Final = 1_795_327_920
"""22/11/2026, in Viet Nam."""
PERSON: Final = "NGUYỄN PHƯỚC BẢO QUỲNH HƯƠNG THẢO"
HIGHLAND_PERSON: Final = "H'Hen Niê"
NUMBER: Final = "001099000001"
REQUEST: Final = "01J9ZC4M8T6Q2V"

MINISTRY: Final = ClientCard(name="Cổng dịch vụ công Bộ Xây dựng", agency="Bộ Xây dựng")
PROVINCE: Final = ClientCard(
    name="Hệ thống thông tin giải quyết thủ tục hành chính thành phố Huế",
    agency="Ủy ban nhân dân thành phố Huế",
    logo_url="/static/example-logo.svg",
    policy_url="https://dichvucong.hue.example/chinh-sach",
    tos_url="https://dichvucong.hue.example/dieu-khoan",
)
LAW: Final = "Luật Xây dựng; Nghị định về cơ sở dữ liệu quốc gia, điều khoản áp dụng cho thủ tục này"
