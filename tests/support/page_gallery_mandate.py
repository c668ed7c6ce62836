"""Pages that ask what a service may do in an organisation's name, for the gallery."""

from __future__ import annotations

from typing import Final

from idp.pages.detail_lines import DetailFact, DetailLine
from idp.pages.forms import FieldProblem, Problem
from idp.pages.views import ClaimLine, Consent, Notice, OrganisationChoice, Representation, View
from idp.pages.wording import OrganisationRole, Unavailable
from tests.support.page_samples import HIGHLAND_PERSON, LAW, MINISTRY, PERSON, PROVINCE

_COMPANY: Final = (
    "CÔNG TY TRÁCH NHIỆM HỮU HẠN MỘT THÀNH VIÊN THƯƠNG MẠI DỊCH VỤ VÀ XUẤT NHẬP KHẨU NÔNG SẢN ĐẮK LẮK"
)
_PURPOSE: Final = "Tiếp nhận và giải quyết hồ sơ của doanh nghiệp."


def mandate(**members: tuple[str, ...]) -> DetailLine:
    """A mandate with these members more."""
    facts = {
        "vn_organisation": (_COMPANY,),
        "organisation": ("0100233488",),
        "role": ("legal_representative",),
        "joint": (),
        "actions": ("file", "sign"),
        "procedures": (),
        "until": ("2026-12-31",),
        "locations": (),
    } | members
    lines = (DetailFact(member=member, values=values) for member, values in facts.items())
    return DetailLine(type="vn_mandate", facts=tuple(lines))


MANDATES: Final = (
    mandate(procedures=("1.001234", "2.000889.000.00.00.H56"), locations=("https://api.hoso.example",)),
    mandate(actions=("pay", "view"), role=("head",), joint=("true",)),
)
_UNTICKED: Final = (FieldProblem("detail", Problem.DETAIL_REQUIRED),)
_ACTION: Final = "/interaction/3f1c/consent"

MANDATE_PAGES: Final[list[tuple[str, View]]] = [
    (
        "consent-mandate",
        Consent(
            action=_ACTION,
            client=PROVINCE,
            person_name=PERSON,
            claims=(ClaimLine(claim="name", value=PERSON, required=True), ClaimLine(claim="email")),
            details=MANDATES,
            purpose=_PURPOSE,
            organisation_name=_COMPANY,
        ),
    ),
    (
        "consent-mandate-alone",
        Consent(
            action=_ACTION,
            client=PROVINCE,
            person_name=PERSON,
            claims=(),
            details=MANDATES,
            allowed=("2",),
            problems=_UNTICKED,
        ),
    ),
    (
        "notice-mandate",
        Notice(
            action=_ACTION,
            client=MINISTRY,
            person_name=HIGHLAND_PERSON,
            claims=(ClaimLine(claim="name", value=HIGHLAND_PERSON),),
            details=MANDATES[:1],
            purpose=_PURPOSE,
            legal_reference=LAW,
            organisation_name=_COMPANY,
            cancel_action="/interaction/3f1c/cancel",
        ),
    ),
    (
        "notice-mandate-unticked",
        Notice(
            action=_ACTION,
            client=MINISTRY,
            person_name=HIGHLAND_PERSON,
            claims=(),
            details=MANDATES,
            allowed=("1",),
            purpose=_PURPOSE,
            legal_reference=LAW,
            problems=_UNTICKED,
        ),
    ),
    (
        "representation-mandate",
        Representation(
            action="/interaction/3f1c/representation",
            client=MINISTRY,
            person_name=PERSON,
            self_allowed=False,
            organisations=tuple(
                OrganisationChoice(
                    record_id=f"org-{number}",
                    legal_name=_COMPANY,
                    code=f"01002334{number}",
                    role=OrganisationRole.LEGAL_REPRESENTATIVE,
                    unavailable=unavailable,
                )
                for number, unavailable in enumerate(
                    (None, Unavailable.NOT_NAMED, Unavailable.POWERS_LACKING), start=88
                )
            ),
        ),
    ),
]
