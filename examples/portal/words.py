"""What the portal says, in words that people know: levels, data, errors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

VIETNAM = timezone(timedelta(hours=7))

LEVELS = {
    1: "Mức 1: một yếu tố xác thực",
    2: "Mức 2: hai yếu tố khác nhau",
    3: "Mức 3: hai yếu tố, trong đó có sinh trắc học",
    4: "Mức 4: sinh trắc học, vật mang theo và điều chỉ mình biết",
}

CLAIMS = {
    "name": "Họ và tên",
    "birthdate": "Ngày sinh",
    "gender": "Giới tính",
    "vn_personal_id": "Số định danh cá nhân",
    "address": "Nơi cư trú",
    "email": "Thư điện tử",
    "phone_number": "Số điện thoại",
}

GENDERS = {"male": "Nam", "female": "Nữ"}

ROLES = {"legal_representative": "Người đại diện theo pháp luật", "delegate": "Người được ủy quyền"}

ORGANISATION_SCHEMES = {"vn_enterprise_code": "Mã số doanh nghiệp", "vn_tax_code": "Mã số thuế"}

# What the provider may answer (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6): a title, and what to do now.
ERRORS: Mapping[str, tuple[str, str]] = {
    "access_denied": (
        "Bạn chưa cho phép",
        "Bạn đã dừng lại hoặc không đồng ý chuyển dữ liệu, nên chưa có gì được gửi tới cổng này.",
    ),
    "login_required": ("Cần đăng nhập", "Phiên đăng nhập đã kết thúc. Hãy bấm Đăng nhập để tiếp tục."),
    "interaction_required": ("Cần xác nhận", "Một Cửa cần bạn xác nhận thêm. Hãy bấm Đăng nhập để tiếp tục."),
    "consent_required": ("Cần đồng ý", "Một Cửa cần hỏi ý kiến của bạn. Hãy bấm Đăng nhập để tiếp tục."),
    "account_selection_required": ("Cần chọn tài khoản", "Hãy bấm Đăng nhập để chọn tài khoản."),
    "unmet_authentication_requirements": (
        "Mức xác thực chưa đủ",
        "Dịch vụ này cần mức xác thực cao hơn mức mà tài khoản của bạn đang dùng.",
    ),
    "temporarily_unavailable": ("Một Cửa đang bận", "Hãy chờ ít phút rồi đăng nhập lại."),
    "server_error": ("Một Cửa gặp sự cố", "Sự cố không do bạn gây ra. Hãy chờ ít phút rồi đăng nhập lại."),
}

UNKNOWN_ERROR = (
    "Chưa đăng nhập được",
    "Cổng này và Một Cửa chưa hiểu nhau. Hãy thử lại; nếu vẫn vậy, hãy báo cho cổng.",
)

STALE = (
    "Lần đăng nhập này đã cũ",
    "Trang đã được dùng, đã quá lâu, hoặc được mở từ một trình duyệt khác. Hãy bắt đầu đăng nhập lại.",
)
FORGED = (
    "Kết quả đăng nhập không đáng tin",
    "Cổng đã kiểm tra kết quả đăng nhập, thấy không đúng và đã từ chối. Chưa ai được đăng nhập.",
)
UNREACHABLE = ("Chưa liên lạc được với Một Cửa", "Hãy chờ ít phút rồi đăng nhập lại.")
TOO_LOW = ERRORS["unmet_authentication_requirements"]
SIGNED_OUT = ("Bạn đã đăng xuất", "Phiên làm việc tại cổng này và phiên đăng nhập Một Cửa đã kết thúc.")
NOT_FOUND = ("Không có trang này", "Địa chỉ có thể đã bị gõ nhầm. Hãy trở về trang đầu của cổng.")


def error_words(code: str | None) -> tuple[str, str]:
    """Title and advice for an error code; what the provider wrote freely is never shown as ours."""
    return ERRORS.get(code or "", UNKNOWN_ERROR)


def write_claims(claims: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The data that came, as pairs of label and text, in the order of a form."""
    return [(label, _write_claim(name, claims[name])) for name, label in CLAIMS.items() if name in claims]


def write_organisation(claims: Mapping[str, Any]) -> list[tuple[str, str]]:
    """For which organisation the person acts, and by what right; empty when for nobody but themselves."""
    organisation = claims.get("vn_organisation")
    if not isinstance(organisation, Mapping):
        return []
    rows = [("Tổ chức", str(organisation.get("legal_name", "")))]
    rows += [
        (ORGANISATION_SCHEMES[entry["scheme"]], str(entry["value"]))
        for entry in organisation.get("id", [])
        if entry.get("scheme") in ORGANISATION_SCHEMES
    ]
    mandate = claims.get("vn_mandate")
    role = mandate.get("role") if isinstance(mandate, Mapping) else None
    return [*rows, ("Tư cách", ROLES[role])] if role in ROLES else rows


def write_time(seconds: int) -> str:
    """A moment as Viet Nam's clocks show it, such as `09:05 ngày 07/03/2026`."""
    return datetime.fromtimestamp(seconds, UTC).astimezone(VIETNAM).strftime("%H:%M ngày %d/%m/%Y")


def read_level(issuer: str, acr: object) -> int:
    """The authentication level 1 to 4 that an `acr` value of this issuer means; 0 for any other value."""
    known = {f"{issuer}/acr/{level}": level for level in LEVELS}
    return known.get(str(acr), 0)


def _write_claim(name: str, value: Any) -> str:
    if name == "birthdate":
        return "/".join(
            reversed(str(value).split("-"))
        )  # 1984, 03/1984 or 07/03/1984: as precise as the register
    if name == "gender":
        return GENDERS.get(str(value), "")
    if isinstance(value, Mapping):
        return str(value.get("value") or value.get("formatted") or "")
    return str(value)
