"""Names of clients that are, or could pass for, something else (Unicode Technical Standard 39)."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from idp.errors import InvalidClientMetadata
from idp.oidc.client_name import LONGEST_NAME, require_own_name
from idp.store import clients
from idp.store.database import Database
from tests.support.oidc_rules import NOW, client, metadata
from tests.support.portals import register

GOOD = [
    "Cổng dịch vụ công Bộ Tư pháp",
    "Ủy ban nhân dân phường Bến Nghé, Thành phố Hồ Chí Minh",
    "Sở Y tế Đắk Lắk – Krông Bŭk, Čư M'gar",
    "TRUNG TÂM PHỤC VỤ HÀNH CHÍNH CÔNG (cơ sở 2)",
    "Hộ tịch 4.0: “khai sinh”, khai tử & kết hôn",
    "Consulat général à Hô-Chi-Minh-Ville",
    "ẤẦẨẪẬẮẰẲẴẶẾỀỂỄỆỐỒỔỖỘỚỜỞỠỢỨỪỬỮỰỲỶỸỴ",
]
BAD = [
    ("Bộ Công аn", "U+0430"),  # Cyrillic a
    ("Вộ Công an", "U+0412"),  # Cyrillic Ve
    ("Bộ Cοng an", "U+03BF"),  # Greek omicron
    ("Ｂộ Công an", "U+FF22"),  # full width
    ("𝐁ộ Công an", "U+1D401"),  # mathematical
    ("Bộ\u200bCông an", "U+200B"),  # zero width space
    ("Bộ\u00a0Công an", "U+00A0"),  # no-break space
    ("Bộ Cônɡ an", "U+0261"),  # script g, Latin of the phonetic alphabet
    ("Bộ Công an\u0336", "U+0336"),  # a stroke over the last letter
    ("Bộ Công ań\u0331", "U+1E49"),  # the line below is one letter with it
    ("Bộ Công an ✓", "U+2713"),
    ("公安部", "U+516C"),
    ("Bộ Cǀông", "U+01C0"),  # a click that looks like l
    ("Bộ /Công/ ∕an", "U+2215"),
]


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_vietnamese_and_its_neighbours(name: str, form: str) -> None:
    sent = unicodedata.normalize(form, name)  # type: ignore[arg-type]
    registered = client(client_name=sent, owner=sent)
    assert (registered.names["vi"], registered.owner) == (name, name)


@pytest.mark.parametrize(("name", "character"), BAD)
@pytest.mark.parametrize("member", ["client_name", "client_name#en", "owner"])
def test_homograph_client_names(name: str, character: str, member: str) -> None:
    changes: dict[str, Any] = {member: name}
    with pytest.raises(InvalidClientMetadata) as refused:
        client(**changes)
    assert character in refused.value.description


@pytest.mark.parametrize("name", ["12345", "–", "a" * (LONGEST_NAME + 1), "Bộ  Công an"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(InvalidClientMetadata):
        client(client_name=name)


@pytest.mark.parametrize(
    ("name", "free"),
    [
        ("Cổng dịch vụ công", False),
        ("CỔNG  DỊCH-VỤ CÔNG".replace("  ", " "), False),
        ("Công dich vu cong", False),
        ("Cổng d1ch vụ công", False),
        ("Cổng dịch vụ c0ng.", False),
        ("Public serv1ce portal", False),
        ("Một Cửa", False),
        ("MOT CUA", False),
        ("Cổng dịch vụ công Bộ Tư pháp", True),
        ("Một cửa phường Bến Nghé", True),
    ],
)
async def test_names_that_pass_for_anothers(db: Database, name: str, *, free: bool) -> None:
    await db.write(register(metadata(), NOW)[1])
    changes: dict[str, Any] = {"client_name": name, "client_name#en": name}
    newcomer = client(client_id="newcomer", owner="Ai đó", **changes)
    if free:
        await require_own_name(db, newcomer)
        return
    with pytest.raises(InvalidClientMetadata):
        await require_own_name(db, newcomer)


async def test_one_owner_gives_a_portal_and_its_app_one_name(db: Database) -> None:
    await db.write(register(metadata(), NOW)[1])
    await require_own_name(db, client(client_id="app"))
    await require_own_name(db, client(owner="Ai đó"))
    assert await clients.find_namesake(db, "app", "Ai đó", client().names) == "portal"
