"""What can be wrong with what a person typed, and how a page says so. The identifiers are stable."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from idp.pages.i18n import Message, msg


class Problem(StrEnum):
    """A reason to show a form again."""

    NUMBER_MISSING = "number_missing"
    NUMBER_MALFORMED = "number_malformed"
    PASSWORD_MISSING = "password_missing"
    CREDENTIALS_WRONG = "credentials_wrong"
    THROTTLED = "throttled"
    CODE_MISSING = "code_missing"
    CODE_MALFORMED = "code_malformed"
    OTP_MISSING = "otp_missing"
    OTP_MALFORMED = "otp_malformed"
    OTP_WRONG = "otp_wrong"
    OTP_USED = "otp_used"
    ACTIVATION_REFUSED = "activation_refused"
    USER_CODE_MISSING = "user_code_missing"
    USER_CODE_MALFORMED = "user_code_malformed"
    USER_CODE_WRONG = "user_code_wrong"
    CHOICE_MISSING = "choice_missing"
    CHOICE_UNAVAILABLE = "choice_unavailable"
    CLAIM_REQUIRED = "claim_required"
    DETAIL_REQUIRED = "detail_required"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    COMMON = "common"
    BREACHED = "breached"
    PERSONAL_DATA = "personal_data"
    PATTERN = "pattern"
    SAME_AS_NUMBER = "same_as_number"
    MISMATCH = "mismatch"
    FORBIDDEN_CHARACTER = "forbidden_character"


PROBLEM_TEXT: Final[Mapping[Problem, Message]] = MappingProxyType(
    {
        Problem.NUMBER_MISSING: msg("Enter your personal number"),
        Problem.NUMBER_MALFORMED: msg("The personal number has 12 digits, for example 001099000001"),
        Problem.PASSWORD_MISSING: msg("Enter your password"),
        Problem.CREDENTIALS_WRONG: msg(
            "The personal number or the password does not match. Check both and try again"
        ),
        Problem.THROTTLED: msg(
            "There have been several attempts in a short time. Please wait before trying again"
        ),
        Problem.CODE_MISSING: msg("Enter the activation code from your receipt"),
        Problem.CODE_MALFORMED: msg(
            "This does not look like an activation code. Copy it exactly as it is printed on your receipt"
        ),
        Problem.OTP_MISSING: msg("Enter the code that your authenticator app shows"),
        Problem.OTP_MALFORMED: msg("The code has six digits, for example 123456"),
        Problem.OTP_WRONG: msg(
            "The code does not match. Type the one that the app shows now; "
            "if that fails too, check that the phone sets its clock by itself"
        ),
        Problem.OTP_USED: msg("This code has been used. Wait until the app shows the next one and type that"),
        Problem.ACTIVATION_REFUSED: msg(
            "The personal number and the activation code do not match, or the code is no longer valid. "
            "Check both; if it still does not work, ask the commune office for a new code"
        ),
        Problem.USER_CODE_MISSING: msg("Enter the code that the device shows"),
        Problem.USER_CODE_MALFORMED: msg(
            "The code has 8 letters, for example BCFG-HJKL. It has no digits and no A, D, E, I, O, U, W or Y"
        ),
        Problem.USER_CODE_WRONG: msg(
            "No device is waiting with this code. Compare it with the device; a code works for 15 minutes, then the "
            "device has to ask for a new one"
        ),
        Problem.CHOICE_MISSING: msg("Choose for whom you are acting"),
        Problem.CHOICE_UNAVAILABLE: msg("This choice is not available now. Please choose another"),
        Problem.CLAIM_REQUIRED: msg(
            "The service cannot continue without the information marked as required. Tick it, or choose not to share"
        ),
        Problem.DETAIL_REQUIRED: msg(
            "The service cannot continue without what you allow it to do. Tick it, or do not go on"
        ),
        Problem.TOO_SHORT: msg("The password needs at least %(number)s characters. Add another word or two"),
        Problem.TOO_LONG: msg("The password is longer than %(number)s characters. Make it a little shorter"),
        Problem.COMMON: msg("Many people use this password, so it is easy to guess. Choose another"),
        Problem.BREACHED: msg("This password is on a list that thieves already hold. Choose another"),
        Problem.PERSONAL_DATA: msg(
            "The password contains your name, date of birth or another detail that people may know. Choose another"
        ),
        Problem.PATTERN: msg(
            "The password is mostly a simple pattern, such as repeated or consecutive characters. Choose another"
        ),
        Problem.SAME_AS_NUMBER: msg("The password must not be the personal number. Choose another"),
        Problem.FORBIDDEN_CHARACTER: msg(
            "The password contains a sign that not every keyboard can type. "
            "Use letters, digits, spaces and common signs"
        ),
        Problem.MISMATCH: msg("The two passwords are not the same. Type them again"),
    }
)


WHOLE_FORM: Final = frozenset({Problem.CREDENTIALS_WRONG, Problem.THROTTLED, Problem.ACTIVATION_REFUSED})
"""Problems that are nobody's field in particular: said once, in the summary, which leads to the first field."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A problem of one field, by the field's id; `number` fills the texts that name a limit."""

    field: str
    problem: Problem
    number: int = 0

    @property
    def text(self) -> Message:
        """The English text, to be translated and formatted with `number`."""
        return PROBLEM_TEXT[self.problem]


def problem_of(problems: Iterable[FieldProblem], field: str) -> FieldProblem | None:
    """The first problem of a field that is to be said beside it, or None."""
    return next(
        (problem for problem in problems if problem.field == field and problem.problem not in WHOLE_FORM),
        None,
    )
