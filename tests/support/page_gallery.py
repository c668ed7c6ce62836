"""Every page in every state, with invented content, for the tests that look at pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from idp.pages.device_views import AppConfirm, Device, DeviceConfirm, DeviceDone
from idp.pages.errors import ERROR_PAGES
from idp.pages.forms import FieldProblem, Problem
from idp.pages.views import (
    Activate,
    Activated,
    ActivatePassword,
    ClaimLine,
    ClientCard,
    Consent,
    ErrorPage,
    FormPost,
    Front,
    LoggedOut,
    Login,
    LoginStopped,
    LogoutConfirm,
    Notice,
    OrganisationChoice,
    Representation,
    View,
)
from idp.pages.wording import (
    LoginReason,
    OrganisationRole,
    StopReason,
    Unavailable,
)
from tests.support.page_gallery_account import ACCOUNT_PAGES
from tests.support.page_gallery_authenticator import AUTHENTICATOR_PAGES
from tests.support.page_gallery_mandate import MANDATE_PAGES
from tests.support.page_gallery_requests import REQUEST_PAGES
from tests.support.page_samples import HIGHLAND_PERSON, LAW, MINISTRY, NOON, NUMBER, PERSON, PROVINCE, REQUEST

ENTERPRISE: Final = ClientCard(
    name="Cổng thông tin doanh nghiệp và hộ kinh doanh", agency="Bộ Tài chính, Cục Phát triển doanh nghiệp"
)

_ORGANISATION_NAMES: Final = (
    "CÔNG TY TRÁCH NHIỆM HỮU HẠN MỘT THÀNH VIÊN THƯƠNG MẠI DỊCH VỤ VÀ XUẤT NHẬP KHẨU NÔNG SẢN ĐẮK LẮK",
    "CÔNG TY CỔ PHẦN ĐẦU TƯ XÂY DỰNG SÔNG HƯƠNG",
    "HỘ KINH DOANH BÚN BÒ BÀ GÁI",
    "HỢP TÁC XÃ NÔNG NGHIỆP TIÊN DƯƠNG",
    "CÔNG TY TNHH KỸ THUẬT SỐ ĐÔNG ĐÔ",
    "DOANH NGHIỆP TƯ NHÂN VẬN TẢI HÒA BÌNH",
    "CÔNG TY HỢP DANH KIỂM TOÁN MINH TRÍ",
    "CHI NHÁNH CÔNG TY CỔ PHẦN DỆT MAY PHÚ XUÂN",
    "CÔNG TY TNHH DU LỊCH CAO NGUYÊN XANH",
    "VĂN PHÒNG ĐẠI DIỆN CÔNG TY TNHH THỦY SẢN CỬA VIỆT",
)
_ROLES: Final = tuple(OrganisationRole)
_UNAVAILABLE: Final = {3: Unavailable.DISSOLVED, 6: Unavailable.SUSPENDED, 9: Unavailable.MANDATE_ENDED}
ORGANISATIONS: Final = tuple(
    OrganisationChoice(
        record_id=f"org-{index}",
        legal_name=name,
        code=f"01002334{index:02}",
        role=_ROLES[index % len(_ROLES)],
        unavailable=_UNAVAILABLE.get(index),
    )
    for index, name in enumerate(_ORGANISATION_NAMES)
)

CLAIMS: Final = (
    ClaimLine(claim="name", value=PERSON, required=True),
    ClaimLine(claim="birthdate", value="1950-03", required=True),
    ClaimLine(claim="gender", value="female"),
    ClaimLine(claim="vn_personal_id", value=NUMBER, required=True),
    ClaimLine(claim="age_over_60", value="true"),
    ClaimLine(claim="address", value="Tổ dân phố 5, phường Thuận Hóa, thành phố Huế"),
    ClaimLine(claim="phone_number", value="+84 912 345 678"),
    ClaimLine(claim="email"),
)
PURPOSE: Final = "Tiếp nhận và giải quyết hồ sơ cấp giấy phép xây dựng."


def _problems(*items: tuple[str, Problem, int]) -> tuple[FieldProblem, ...]:
    return tuple(FieldProblem(field, problem, number) for field, problem, number in items)


WRONG: Final = _problems(("personal_number", Problem.CREDENTIALS_WRONG, 0))
THROTTLED: Final = _problems(("personal_number", Problem.THROTTLED, 0))
EMPTY: Final = _problems(
    ("personal_number", Problem.NUMBER_MALFORMED, 0), ("password", Problem.PASSWORD_MISSING, 0)
)
LOGIN: Final = "/interaction/3f1c/login"
CANCEL: Final = "/interaction/3f1c/cancel"

_ENTRY: Final[list[tuple[str, View]]] = [
    ("front", Front()),
    ("front-signed-in", Front(signed_in=True)),
    ("login", Login(action=LOGIN, client=MINISTRY, cancel_action=CANCEL)),
    ("login-logo", Login(action=LOGIN, client=PROVINCE, cancel_action=CANCEL)),
    ("login-account", Login(action="/account/login")),
    (
        "login-wrong",
        Login(action=LOGIN, client=MINISTRY, cancel_action=CANCEL, personal_number=NUMBER, problems=WRONG),
    ),
    ("login-empty", Login(action=LOGIN, client=MINISTRY, personal_number="12 34", problems=EMPTY)),
    (
        "login-throttled",
        Login(action=LOGIN, client=MINISTRY, personal_number=NUMBER, problems=THROTTLED, retry_at=NOON),
    ),
    *(
        (
            f"login-{reason}",
            Login(action=LOGIN, client=MINISTRY, cancel_action=CANCEL, reason=reason, personal_number=NUMBER),
        )
        for reason in LoginReason
        if reason is not LoginReason.FIRST
    ),
    *(
        (
            f"stopped-{reason}",
            LoginStopped(
                reason=reason,
                client=MINISTRY,
                back_action=CANCEL,
                organisation_name=ORGANISATIONS[0].legal_name,
            ),
        )
        for reason in StopReason
    ),
    ("stopped-without-client", LoginStopped(reason=StopReason.CARD_EXPIRED)),
]

_CONVERSATION: Final[list[tuple[str, View]]] = [
    (
        "representation",
        Representation(
            action="/interaction/3f1c/representation",
            client=ENTERPRISE,
            person_name=PERSON,
            organisations=ORGANISATIONS,
            cancel_action=CANCEL,
        ),
    ),
    (
        "representation-missing",
        Representation(
            action="/interaction/3f1c/representation",
            client=ENTERPRISE,
            person_name=HIGHLAND_PERSON,
            self_allowed=False,
            organisations=ORGANISATIONS[1:4],
            problems=_problems(("acting_for", Problem.CHOICE_MISSING, 0)),
        ),
    ),
    (
        "notice",
        Notice(
            action="/interaction/3f1c/consent",
            client=MINISTRY,
            person_name=HIGHLAND_PERSON,
            claims=CLAIMS,
            purpose=PURPOSE,
            legal_reference=LAW,
            cancel_action=CANCEL,
        ),
    ),
    (
        "notice-organisation",
        Notice(
            action="/interaction/3f1c/consent",
            client=ENTERPRISE,
            person_name=PERSON,
            claims=(ClaimLine(claim="vn_organisation", value=ORGANISATIONS[0].legal_name), *CLAIMS[:2]),
            purpose=PURPOSE,
            legal_reference=LAW,
            organisation_name=ORGANISATIONS[0].legal_name,
        ),
    ),
    (
        "consent",
        Consent(
            action="/interaction/3f1c/consent",
            client=PROVINCE,
            person_name=PERSON,
            claims=CLAIMS,
            purpose=PURPOSE,
        ),
    ),
    (
        "consent-required",
        Consent(
            action="/interaction/3f1c/consent",
            client=PROVINCE,
            person_name=PERSON,
            claims=CLAIMS,
            ticked=("name", "gender"),
            problems=_problems(("claim", Problem.CLAIM_REQUIRED, 0)),
        ),
    ),
    (
        "form-post",
        FormPost(redirect_uri="/callback", parameters=(("code", "a b&\"c'"), ("state", "x" * 128))),
    ),
    ("logout-confirm", LogoutConfirm(client=MINISTRY, person_name=PERSON, hidden=(("state", "xyz"),))),
    ("logout-confirm-card", LogoutConfirm(client=PROVINCE)),
    ("logout-confirm-alone", LogoutConfirm()),
    ("logout-confirm-other-person", LogoutConfirm(client=MINISTRY, other_person=True)),
    (
        "logged-out",
        LoggedOut(
            portals=(MINISTRY.name, PROVINCE.name), client=MINISTRY, return_url="https://portal.example/"
        ),
    ),
    ("logged-out-alone", LoggedOut()),
    (
        "logged-out-telling",
        LoggedOut(
            told=(MINISTRY.name,),
            portals=(PROVINCE.name,),
            client=MINISTRY,
            return_url="https://portal.example/bye",
            returns=True,
        ),
    ),
]

_ACTIVATION: Final[list[tuple[str, View]]] = [
    ("activate", Activate()),
    (
        "activate-refused",
        Activate(
            personal_number=NUMBER,
            problems=_problems(("personal_number", Problem.ACTIVATION_REFUSED, 0)),
        ),
    ),
    (
        "activate-malformed",
        Activate(
            personal_number="",
            problems=_problems(
                ("personal_number", Problem.NUMBER_MISSING, 0), ("code", Problem.CODE_MALFORMED, 0)
            ),
        ),
    ),
    (
        "activate-throttled",
        Activate(personal_number=NUMBER, problems=THROTTLED, retry_at=NOON),
    ),
    ("activate-password", ActivatePassword(personal_number=NUMBER, minimum_length=12)),
    *(
        (
            f"activate-password-{problem}",
            ActivatePassword(
                personal_number=NUMBER, minimum_length=12, problems=_problems(("password", problem, number))
            ),
        )
        for problem, number in (
            (Problem.TOO_SHORT, 12),
            (Problem.TOO_LONG, 256),
            (Problem.COMMON, 0),
            (Problem.BREACHED, 0),
            (Problem.PERSONAL_DATA, 0),
            (Problem.PATTERN, 0),
            (Problem.SAME_AS_NUMBER, 0),
            (Problem.FORBIDDEN_CHARACTER, 0),
        )
    ),
    (
        "activate-password-mismatch",
        ActivatePassword(
            personal_number=NUMBER,
            minimum_length=12,
            problems=_problems(("password_again", Problem.MISMATCH, 0)),
        ),
    ),
    ("activated", Activated(name=PERSON, number_ending="0001", activated_at=NOON, request_id=REQUEST)),
    (
        "activated-client",
        Activated(
            name=HIGHLAND_PERSON,
            number_ending="0001",
            activated_at=NOON,
            continue_url="/interaction/3f1c",
            client=PROVINCE,
        ),
    ),
]

_ERRORS: Final[list[tuple[str, View]]] = [
    *((f"error-{error}", ErrorPage(error=error, request_id=REQUEST)) for error in ERROR_PAGES),
    (
        "error-with-ways-on",
        ErrorPage(
            error="stale_interaction",
            request_id=REQUEST,
            back_url="https://portal.example/",
            restart_url="/interaction/3f1c",
            client_name=PROVINCE.name,
            technical="interaction expired",
        ),
    ),
    ("error-in-both-languages", ErrorPage(error="csrf_failed", request_id=REQUEST, in_both_languages=True)),
    (
        "error-back",
        ErrorPage(error="client_disabled", request_id=REQUEST, back_url="https://portal.example/"),
    ),
]

ON_DEVICE: Final = replace(MINISTRY, on_device=True)
DEVICE_CONFIRM: Final = DeviceConfirm(
    action="/interaction/3f1c/confirm",
    client=PROVINCE,
    person_name=PERSON,
    asked_at=NOON,
    network="203.0.113.0/24",
    same_network=False,
    shown="x",
)

_DEVICES: Final[list[tuple[str, View]]] = [
    ("device", Device()),
    ("device-from-link", Device(user_code="BCFG-HJKL", from_link=True)),
    (
        "device-wrong",
        Device(user_code="BCFG-HJKL", problems=_problems(("user_code", Problem.USER_CODE_WRONG, 0))),
    ),
    ("device-malformed", Device(problems=_problems(("user_code", Problem.USER_CODE_MALFORMED, 0)))),
    (
        "device-throttled",
        Device(
            retry_at=NOON,
            sign_in_url="/device/sign-in",
            problems=_problems(("user_code", Problem.THROTTLED, 0)),
        ),
    ),
    ("device-login", Login(action=LOGIN, client=ON_DEVICE, cancel_action=CANCEL)),
    (
        "device-stopped",
        LoginStopped(reason=StopReason.CARD_LOCKED, client=ON_DEVICE, back_action=CANCEL),
    ),
    ("device-confirm", DEVICE_CONFIRM),
    ("device-confirm-same-network", replace(DEVICE_CONFIRM, same_network=True)),
    ("device-approved", DeviceDone(client=PROVINCE, approved=True)),
    ("device-refused", DeviceDone(client=MINISTRY, approved=False)),
    (
        "app-confirm",
        AppConfirm(action="/interaction/3f1c/confirm", client=MINISTRY, person_name=PERSON, shown="x"),
    ),
]

GALLERY: Final[list[tuple[str, View]]] = [
    *_ENTRY,
    *_CONVERSATION,
    *_ACTIVATION,
    *_DEVICES,
    *MANDATE_PAGES,
    *REQUEST_PAGES,
    *AUTHENTICATOR_PAGES,
    *ACCOUNT_PAGES,
    *_ERRORS,
]
"""Name and view; names are unique."""
