"""Every page about authenticator apps, for the tests that look at pages."""

from __future__ import annotations

from typing import Final

from idp.pages.authenticator_views import Authenticator, SecondFactor, SecondFactorMissing
from idp.pages.forms import FieldProblem, Problem
from idp.pages.views import Activate, View
from tests.support.page_samples import HIGHLAND_PERSON, MINISTRY, NOON

SECRET: Final = "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"
URI: Final = (
    "otpauth://totp/M%E1%BB%99t%20C%E1%BB%ADa%20%28sso.example.gov.vn%29:%E2%80%A60001"
    "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=M%E1%BB%99t%20C%E1%BB%ADa&algorithm=SHA1&digits=6&period=30"
)
_CANCEL: Final = "/interaction/3f1c/cancel"
_CODE: Final = "/interaction/3f1c/second-factor"


def _asking(problem: Problem | None = None, retry_at: int | None = None) -> SecondFactor:
    return SecondFactor(
        action=_CODE,
        client=MINISTRY,
        person_name=HIGHLAND_PERSON,
        asked="0" * 64,
        cancel_action=_CANCEL,
        retry_at=retry_at,
        problems=() if problem is None else (FieldProblem("code", problem),),
    )


AUTHENTICATOR_PAGES: Final[list[tuple[str, View]]] = [
    ("second-factor", _asking()),
    ("second-factor-account", SecondFactor(action=_CODE, person_name=HIGHLAND_PERSON, asked="0" * 64)),
    *(
        (f"second-factor-{problem}", _asking(problem))
        for problem in (Problem.OTP_MISSING, Problem.OTP_MALFORMED, Problem.OTP_WRONG, Problem.OTP_USED)
    ),
    ("second-factor-throttled", _asking(Problem.THROTTLED, NOON)),
    (
        "second-factor-missing",
        SecondFactorMissing(
            set_up_url="/account/authenticator?interaction=3f1c",
            client=MINISTRY,
            person_name=HIGHLAND_PERSON,
            back_action=_CANCEL,
        ),
    ),
    ("authenticator-none", Authenticator()),
    ("authenticator-waiting", Authenticator(uri=URI, secret=SECRET, interaction="3f1c", client=MINISTRY)),
    (
        "authenticator-wrong",
        Authenticator(uri=URI, secret=SECRET, problems=(FieldProblem("code", Problem.OTP_WRONG),)),
    ),
    ("authenticator-added", Authenticator(added_at=NOON)),
    ("authenticator-always", Authenticator(added_at=NOON, always=True)),
    ("activate-create", Activate(interaction="3f1c", sign_in_url="/interaction/3f1c", client=MINISTRY)),
]
