"""What Vietnamese people reach for when they are asked for a password, and how it looks when it is typed.

A word is written with its marks; `spellings` gives the plain form and what the two input methods, Telex and VNI, leave
in a password field where they are switched off. Each list is ordered by how early a guesser would try it.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from idp.registers.names import match_key
from idp.registers.places import number_prefixes, provinces


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(" ".join(phrase.split()) for line in text.splitlines() for phrase in line.split("|"))


PHRASES: Final = _phrases(
    """mật khẩu|anh yêu em|em yêu anh|yêu em|yêu anh|việt nam|không biết|tôi yêu việt nam|anh nhớ em|em nhớ anh|vợ yêu
    chồng yêu|con yêu|mẹ yêu|bố yêu|ba yêu|gia đình|hạnh phúc|tình yêu|mãi mãi|mãi yêu|yêu nhau|nhớ em|nhớ anh|bé yêu
    cục cưng|con gái|con trai|ba mẹ|bố mẹ|cha mẹ|ông bà|bà nội|ông nội|bà ngoại|ông ngoại|vợ chồng|chồng ơi|vợ ơi
    đăng nhập|tài khoản|mật mã|căn cước|công dân|định danh|dịch vụ công|cổng dịch vụ|một cửa|công an|bảo hiểm|bảo mật
    không nhớ|không có|không cho|quên rồi|để nhớ|xin chào|chào em|cảm ơn|thành công|may mắn|phát tài|lộc phát|tài lộc
    an khang|thịnh vượng|bình an|sức khỏe|tự do|độc lập|tổ quốc|quê hương|đất nước|hòa bình|bác hồ|hồ chí minh|điện biên
    việt nam vô địch|vô địch|bóng đá|đội tuyển|hoàng anh|gia lai|sông lam|nghệ an|hà nội|sài gòn|sài thành|thăng long
    thủ đô|thành phố|đà lạt|nha trang|vũng tàu|phú quốc|hạ long|mùa xuân|mùa hè|mùa thu|mùa đông|tết|xuân|năm mới
    giáng sinh|trung thu|sinh nhật|kỷ niệm|tuổi thơ|học sinh|sinh viên|giáo viên|cô giáo|thầy giáo|bác sĩ|kế toán
    công ty|nhân viên|giám đốc|trường học|đại học|lớp|chuyên|toán|mèo|chó|heo|gấu|thỏ|hổ|rồng|rắn|ngựa|dê|khỉ|gà|trâu
    chuột|hoa|hoa hồng|hoa sen|hoa mai|hoa đào|phở|bánh mì|cà phê|trà sữa|bia|máy tính|điện thoại|xe máy|ô tô|vàng|tiền
    đô la|triệu phú|tỷ phú|em|anh|yêu|vợ|chồng|con|mẹ|bố|ba|cha|chị|bạn|tôi|mình|nhà|trời|biển|đẹp|xinh|ngoan|một|hai
    bốn|năm|sáu|bảy|tám|chín|mười|số một|tháng|ngày|thứ hai|thứ bảy|chủ nhật|hôm nay|ngày mai|nhóc|tồ|cu tí|bống|bin|bo
    tít|cún|bi|na|mít|bắp|cà rốt|su|sóc|kẹo|tôm|nhím|thiên thần|công chúa|hoàng tử|đại ca|anh hùng|siêu nhân|cô đơn
    lẻ loi|buồn|đời|khóc|cười|vui|ngày xưa|kiếp|số phận"""
)

FAMILY_NAMES: Final = _words(
    """Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý Đinh Đào Lương Trịnh Mai Tô Hà Trương Đoàn
    Cao Lâm Tạ Châu Quách Thái La Vương Tăng Chu Phùng Kiều Triệu Nông Hứa Lò Vi Thạch Kim Sơn Niê Ksor Giàng Vàng"""
)
FREQUENT_MIDDLE_NAMES: Final = ("Văn", "Thị")
GIVEN_NAMES: Final = _words(
    """Anh Linh Hương Lan Hùng Dũng Minh Tuấn Nam Long Hoa Mai Trang Thảo Phương Hà Thu Hằng Ngọc Huy Hiếu Đức
    Thành Sơn Quân Khánh Vy Nhi My Hân Trâm Thúy Thủy Yến Nga Dung Hạnh Phúc Lộc Thọ An Bình Cường Tâm Trung
    Kiên Hải Giang Tùng Đạt Khoa Bảo Quang Vinh Thắng Toàn Trí Tú Tài Phong Việt Duy Nhật Hoàng Khang Khôi
    Phát Quốc Gia Nhung Oanh Loan Tuyết Xuân Đào Cúc Thắm Hồng Liên Châu Diệp Ngân Quỳnh Chi Uyên Như Ý Tiên
    Thơ Thi Vân Vui Bích Diễm Hiền Hòa Hậu Lợi Mỹ Nguyệt Nhàn Ánh Bắc Công Chiến Chung Danh Điệp Đông Hưng
    Kha Lâm Luân Mạnh Nghĩa Nhân Phú Phước Tân Thái Thịnh Tiến Tín Trường Tuyền Văn Thị"""
)
FIRST_YEAR: Final = 1930
LAST_YEAR: Final = 2049
MOST_MIXED: Final = 5  # syllables that may be typed in both ways at once: two to their power are the forms

_QUALITY: Final = "\u0302\u0306\u031b"  # circumflex, breve, horn
_TONES: Final = "\u0301\u0300\u0309\u0303\u0323"  # sắc, huyền, hỏi, ngã, nặng
_TELEX: Final = dict(zip(_TONES, "sfrxj", strict=True)) | {"\u0306": "w", "\u031b": "w"}
_VNI: Final = dict(zip(_TONES, "12345", strict=True)) | {"\u0302": "6", "\u031b": "7", "\u0306": "8"}


def _typed(syllable: str, keys: Mapping[str, str], stroke: str, *, tone_last: bool) -> str:
    """Keys pressed for one syllable; the tone follows its vowel, or the whole syllable."""
    written = ""
    held = ""
    for character in unicodedata.normalize("NFC", syllable.casefold()):
        decomposed = unicodedata.normalize("NFD", character)
        letter, marks = decomposed[0], decomposed[1:]
        written += stroke if letter == "đ" else letter
        # Telex doubles the vowel for a circumflex.
        written += "".join(keys.get(mark, letter) for mark in marks if mark in _QUALITY)
        tone = "".join(keys[mark] for mark in marks if mark in _TONES)
        if tone_last:
            held += tone
        else:
            written += tone
    return written + held


def spellings(phrase: str) -> frozenset[str]:
    """The forms of a phrase in a password field, without spaces: plain, Telex and VNI."""
    syllables = phrase.split()
    typed = {match_key(phrase)}
    for keys, stroke in ((_TELEX, "dd"), (_VNI, "d9")):
        last = [_typed(syllable, keys, stroke, tone_last=True) for syllable in syllables]
        first = [_typed(syllable, keys, stroke, tone_last=False) for syllable in syllables]
        typed |= {"".join(last), "".join(first)}
        if len(syllables) <= MOST_MIXED:
            typed.update("".join(form) for form in itertools.product(*zip(last, first, strict=True)))
    return frozenset(typed)


def _province_names() -> Iterator[str]:
    for province in provinces().values():
        yield province.name
        yield from province.merged_from
    for prefix in number_prefixes().values():
        yield prefix.province_at_registration


def _in_order() -> Iterator[str]:
    yield from PHRASES
    yield from map(str, range(FIRST_YEAR, LAST_YEAR + 1))
    yield from FAMILY_NAMES
    for middle, family in itertools.product(FREQUENT_MIDDLE_NAMES, FAMILY_NAMES):
        yield f"{family} {middle}"
    yield from GIVEN_NAMES
    yield from _province_names()


@cache
def vocabulary() -> Mapping[str, int]:
    """Every spelling with its rank, 1 for what is tried first; all spellings of a word share its rank."""
    ranks: dict[str, int] = {}
    for rank, phrase in enumerate(dict.fromkeys(_in_order()), 1):
        for spelling in spellings(phrase):
            ranks.setdefault(spelling, rank)
    return ranks
