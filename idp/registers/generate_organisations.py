"""Invented organisations and those who stand for them."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from typing import Final

from idp.registers.generate_numbers import Numbers
from idp.registers.generate_people import Invented
from idp.registers.types import OrganisationStatus, OrganisationType, RepresentativeRole

RepresentativeLine = tuple[str, str, str, str, str, str, str, str]

_REMEMBERED: Final = 200
_REGIONS: Final = tuple(f"{region:02d}" for region in range(1, 65))
_SHARES: Final = {
    OrganisationType.HOUSEHOLD_BUSINESS: 440,
    OrganisationType.LLC_SINGLE_MEMBER: 220,
    OrganisationType.LLC_MULTI_MEMBER: 110,
    OrganisationType.JOINT_STOCK: 80,
    OrganisationType.BRANCH: 35,
    OrganisationType.PRIVATE_ENTERPRISE: 30,
    OrganisationType.BUSINESS_LOCATION: 20,
    OrganisationType.COOPERATIVE: 14,
    OrganisationType.PUBLIC_SERVICE_UNIT: 14,
    OrganisationType.REPRESENTATIVE_OFFICE: 12,
    OrganisationType.STATE_AGENCY: 10,
    OrganisationType.ASSOCIATION: 6,
    OrganisationType.FOREIGN_ORGANISATION: 4,
    OrganisationType.PARTNERSHIP: 3,
    OrganisationType.COOPERATIVE_UNION: 2,
}
_TYPES: Final = tuple(_SHARES)
_TYPE_WEIGHTS: Final = tuple(accumulate(_SHARES.values()))
_CALLED: Final = {
    OrganisationType.HOUSEHOLD_BUSINESS: "HỘ KINH DOANH",
    OrganisationType.LLC_SINGLE_MEMBER: "CÔNG TY TNHH MỘT THÀNH VIÊN",
    OrganisationType.LLC_MULTI_MEMBER: "CÔNG TY TNHH",
    OrganisationType.JOINT_STOCK: "CÔNG TY CỔ PHẦN",
    OrganisationType.BRANCH: "CHI NHÁNH CÔNG TY",
    OrganisationType.PRIVATE_ENTERPRISE: "DOANH NGHIỆP TƯ NHÂN",
    OrganisationType.BUSINESS_LOCATION: "ĐỊA ĐIỂM KINH DOANH CÔNG TY",
    OrganisationType.COOPERATIVE: "HỢP TÁC XÃ",
    OrganisationType.PUBLIC_SERVICE_UNIT: "TRUNG TÂM",
    OrganisationType.REPRESENTATIVE_OFFICE: "VĂN PHÒNG ĐẠI DIỆN CÔNG TY",
    OrganisationType.STATE_AGENCY: "PHÒNG",
    OrganisationType.ASSOCIATION: "HỘI",
    OrganisationType.FOREIGN_ORGANISATION: "TỔ CHỨC QUỐC TẾ",
    OrganisationType.PARTNERSHIP: "CÔNG TY HỢP DANH",
    OrganisationType.COOPERATIVE_UNION: "LIÊN HIỆP HỢP TÁC XÃ",
}
_DEPENDENT: Final = frozenset(
    {OrganisationType.BRANCH, OrganisationType.REPRESENTATIVE_OFFICE, OrganisationType.BUSINESS_LOCATION}
)
_WITHOUT_CODE: Final = frozenset(
    {
        OrganisationType.STATE_AGENCY,
        OrganisationType.PUBLIC_SERVICE_UNIT,
        OrganisationType.FOREIGN_ORGANISATION,
    }
)
_SEVERAL: Final = frozenset({OrganisationType.LLC_MULTI_MEMBER, OrganisationType.JOINT_STOCK})
_ACTIVITIES: Final = (
    "THƯƠNG MẠI", "XÂY DỰNG", "DỊCH VỤ", "VẬN TẢI", "SẢN XUẤT", "NÔNG SẢN", "DU LỊCH", "MAY MẶC", "CƠ KHÍ",
    "THỦY SẢN", "TIN HỌC", "GIÁO DỤC", "IN ẤN", "NỘI THẤT", "THỰC PHẨM",
)  # fmt: skip
_PROPER: Final = (
    "AN", "PHÚ", "MINH", "KHANG", "THỊNH", "PHÁT", "ĐẠI", "TÂN", "HƯNG", "LỘC", "HÒA", "BÌNH", "ĐỨC", "TÍN",
    "NAM", "VIỆT", "THÀNH", "CÔNG", "NGỌC", "SƠN", "HẢI", "TIẾN", "ĐẠT", "VĨNH",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class InventedOrganisation:
    """An organisation's line and those of its representatives."""

    line: tuple[str, ...]
    representatives: tuple[RepresentativeLine, ...]


@dataclass(slots=True)
class _Parent:
    """An enterprise that may have dependent units, and how many it has."""

    code: str
    name: str
    units: int = 0


class Organisations:
    """Invents organisations; remembers a few recent adults and enterprises, never all."""

    def __init__(self, rng: random.Random, numbers: Numbers, today: date) -> None:
        self._rng = rng
        self._numbers = numbers
        self._today = today
        self._count = 0
        self._adults: deque[Invented] = deque(maxlen=_REMEMBERED)
        self._parents: deque[_Parent] = deque(maxlen=_REMEMBERED)

    def remember(self, adult: Invented) -> None:
        """Keep an adult in mind as somebody's second representative."""
        self._adults.append(adult)

    def invent(self, owner: Invented, *, household_business: bool) -> InventedOrganisation:
        """Invent an organisation led by this person, who may have one household business and no more."""
        self._count += 1
        record_id = f"T{self._count:08d}"
        kind = self._kind(allow_household=household_business)
        codes, name = self._identity(kind, owner)
        established = self._established(owner)
        status = self._rng.choices(tuple(OrganisationStatus), cum_weights=(88, 94, 100))[0]
        home = owner.home
        line = (
            record_id, *codes, name, kind.value, status.value, established.isoformat(), home.province_code,
            home.commune_code, home.detail, home.as_of, f"{self._today.isoformat()}T00:00:00Z",
        )  # fmt: skip
        return InventedOrganisation(line, tuple(self._representatives(record_id, kind, owner, established)))

    def _kind(self, *, allow_household: bool) -> OrganisationType:
        kind = self._rng.choices(_TYPES, cum_weights=_TYPE_WEIGHTS)[0]
        no_parent = kind in _DEPENDENT and not self._parents
        if no_parent or (kind is OrganisationType.HOUSEHOLD_BUSINESS and not allow_household):
            return OrganisationType.LLC_SINGLE_MEMBER
        return kind

    def _identity(self, kind: OrganisationType, owner: Invented) -> tuple[tuple[str, str, str, str], str]:
        """Choose enterprise code, tax code, electronic identity and agency code, and a name.

        The last two have no published form: the invented ones say that they are invented.
        """
        if kind in _DEPENDENT:
            parent = self._rng.choice(self._parents)
            parent.units += 1
            return (
                "",
                f"{parent.code}-{parent.units:03d}",
                "",
                "",
            ), f"{_CALLED[kind]} {parent.name} SỐ {parent.units}"
        name = f"{self._rng.choice(_ACTIVITIES)} {' '.join(self._rng.sample(_PROPER, 2))}"
        called = f"{_CALLED[kind]} {name}"
        if kind is OrganisationType.HOUSEHOLD_BUSINESS:
            return ("", owner.number, "", ""), called
        if kind in _WITHOUT_CODE:
            agency = f"MAU-CQ-{self._count:06d}" if kind is OrganisationType.STATE_AGENCY else ""
            return ("", "", f"MAU-{self._count:09d}", agency), called
        code = self._numbers.enterprise(self._rng.choice(_REGIONS))
        self._parents.append(_Parent(code, name))
        return (code, code, "", ""), called

    def _established(self, owner: Invented) -> date:
        days = min(12_000, (self._today - owner.born).days - 18 * 366)
        return self._today - timedelta(days=int(self._rng.random() ** 2 * max(1, days)))

    def _representatives(
        self, record_id: str, kind: OrganisationType, owner: Invented, established: date
    ) -> Iterator[RepresentativeLine]:
        others: Sequence[Invented] = ()
        if kind in _SEVERAL and self._rng.random() < 0.3:
            others = self._others(owner)
        joint = bool(others) and self._rng.random() < 0.25
        headed = kind in _DEPENDENT or kind in _WITHOUT_CODE or kind is OrganisationType.HOUSEHOLD_BUSINESS
        role = RepresentativeRole.HEAD if headed else RepresentativeRole.LEGAL_REPRESENTATIVE
        for place, person in enumerate((owner, *others)):
            title = _title(kind, first=place == 0)
            powers = "file sign pay view" if place == 0 else self._rng.choice(("file sign view", "file view"))
            since = max(established, person.born + timedelta(days=18 * 366))
            yield (
                record_id, person.record_id, role.value, title, powers, "yes" if joint else "no",
                since.isoformat(), self._until(since, replaced=place > 0),
            )  # fmt: skip

    def _others(self, owner: Invented) -> Sequence[Invented]:
        candidates = [adult for adult in self._adults if adult.record_id != owner.record_id]
        return self._rng.sample(candidates, min(len(candidates), self._rng.randint(1, 2)))

    def _until(self, since: date, *, replaced: bool) -> str:
        if not replaced or self._rng.random() >= 0.2 or since > self._today:
            return ""
        return (
            since + timedelta(days=int(self._rng.random() * ((self._today - since).days + 1)))
        ).isoformat()


def _title(kind: OrganisationType, *, first: bool) -> str:
    if kind is OrganisationType.HOUSEHOLD_BUSINESS:
        return "Chủ hộ"
    if kind in _WITHOUT_CODE or kind in _DEPENDENT:
        return "Trưởng đơn vị"
    if kind in _SEVERAL:
        return "Chủ tịch" if first else "Giám đốc"
    return "Giám đốc"
