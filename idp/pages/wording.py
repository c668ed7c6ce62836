"""Words for what is shown on the pages: claims, roles, levels, events. The identifiers come from the other rooms."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from idp.assurance import AccountLevel
from idp.pages.i18n import Message, msg

CLAIM_TEXT: Final[Mapping[str, Message]] = MappingProxyType(
    {
        "sub": msg("A code that only this service knows you by"),
        "name": msg("Full name"),
        "family_name": msg("Family name"),
        "middle_name": msg("Middle name"),
        "given_name": msg("Given name"),
        "name_ascii": msg("Full name without diacritics"),
        "birthdate": msg("Date of birth"),
        "vn_birthdate_precision": msg("How exactly the date of birth is known"),
        "gender": msg("Sex"),
        "locale": msg("Language"),
        "subject_type": msg("Kind of person"),
        "vn_personal_id": msg("Personal number"),
        "age_over_14": msg("Whether you are 14 or older"),
        "age_over_16": msg("Whether you are 16 or older"),
        "age_over_18": msg("Whether you are 18 or older"),
        "age_over_60": msg("Whether you are 60 or older"),
        "address": msg("Place of residence"),
        "vn_residence": msg("Codes of the province and commune of residence"),
        "phone_number": msg("Telephone number"),
        "phone_number_verified": msg("Whether the telephone number has been checked"),
        "email": msg("E-mail address"),
        "email_verified": msg("Whether the e-mail address has been checked"),
        "updated_at": msg("When the information was last changed"),
        "vn_organisation": msg("The organisation you act for"),
        "vn_mandate": msg("Your role in the organisation"),
        "vn_represents": msg("The person you act for"),
        "verified_claims": msg("How the information was checked"),
        "legacy_dvcqg": msg("The information the National Public Service Portal used before"),
        "SoDinhDanh": msg("Personal number"),
        "HoVaTen": msg("Full name"),
        "NgayThangNamSinh": msg("Date of birth"),
        "LoaiTaiKhoan": msg("Kind of account"),
        "TechID": msg("Your code in the earlier system"),
        "loAs": msg("Level of authentication"),
        "IAL": msg("Level of the account"),
        "legacy_ids": msg("Your earlier account numbers"),
    }
)

VALUE_TEXT: Final[Mapping[tuple[str, str], Message]] = MappingProxyType(
    {
        ("gender", "male"): msg("Male"),
        ("gender", "female"): msg("Female"),
        ("locale", "vi"): msg("Vietnamese"),
        ("locale", "en"): msg("English"),
        ("subject_type", "citizen"): msg("Citizen"),
        ("subject_type", "foreigner"): msg("Foreigner"),
        ("subject_type", "stateless_origin"): msg("Person of Vietnamese origin"),
        ("vn_birthdate_precision", "year"): msg("To the year"),
        ("vn_birthdate_precision", "month"): msg("To the month"),
        ("vn_birthdate_precision", "day"): msg("To the day"),
    }
)
"""Words for values out of closed lists, by claim and value; other values are shown as they are."""

YES_NO_TEXT: Final[Mapping[str, Message]] = MappingProxyType({"true": msg("Yes"), "false": msg("No")})


class OrganisationRole(StrEnum):
    """What a person is to an organisation."""

    LEGAL_REPRESENTATIVE = "legal_representative"
    HEAD = "head"
    OWNER = "owner"
    DELEGATE = "delegate"


ROLE_TEXT: Final[Mapping[OrganisationRole, Message]] = MappingProxyType(
    {
        OrganisationRole.LEGAL_REPRESENTATIVE: msg("Legal representative"),
        OrganisationRole.HEAD: msg("Head"),
        OrganisationRole.OWNER: msg("Owner of the household business"),
        OrganisationRole.DELEGATE: msg("Authorised person"),
    }
)


class Unavailable(StrEnum):
    """Why an organisation cannot be chosen."""

    DISSOLVED = "dissolved"
    SUSPENDED = "suspended"
    MANDATE_ENDED = "mandate_ended"
    NOT_NAMED = "not_named"
    POWERS_LACKING = "powers_lacking"


UNAVAILABLE_TEXT: Final[Mapping[Unavailable, Message]] = MappingProxyType(
    {
        Unavailable.DISSOLVED: msg(
            "Cannot be chosen: the business register shows that it has been dissolved"
        ),
        Unavailable.SUSPENDED: msg("Cannot be chosen: the business register shows that it is suspended"),
        Unavailable.MANDATE_ENDED: msg("Cannot be chosen: your authorisation has ended"),
        Unavailable.NOT_NAMED: msg("Cannot be chosen: the service asks about another organisation"),
        Unavailable.POWERS_LACKING: msg(
            "Cannot be chosen: the business register does not give you the powers that the service asks for"
        ),
    }
)


LEVEL_TEXT: Final[Mapping[AccountLevel, Message]] = MappingProxyType(
    {
        AccountLevel.LEVEL_01: msg("Level 1"),
        AccountLevel.LEVEL_02: msg("Level 2"),
    }
)
LEVEL_EXPLAINED: Final[Mapping[AccountLevel, Message]] = MappingProxyType(
    {
        AccountLevel.LEVEL_01: msg("Your details were checked against the population register."),
        AccountLevel.LEVEL_02: msg(
            "An officer checked who you are in person, against the identity database."
        ),
    }
)


class LoginReason(StrEnum):
    """Why a person who is perhaps signed in already is asked again."""

    FIRST = "first"
    ASKED_BY_CLIENT = "asked_by_client"
    TOO_LONG_AGO = "too_long_ago"
    STRONGER_NEEDED = "stronger_needed"
    OTHER_PERSON = "other_person"


LOGIN_REASON_TEXT: Final[Mapping[LoginReason, Message]] = MappingProxyType(
    {
        LoginReason.ASKED_BY_CLIENT: msg(
            "This service asks you to enter your password again, to be sure it is you."
        ),
        LoginReason.TOO_LONG_AGO: msg(
            "You signed in some time ago. This service asks you to enter your password again, to be sure it is you."
        ),
        LoginReason.OTHER_PERSON: msg(
            "This service expects another person than the one who is signed in on this device. "
            "Please sign in as the person who began there."
        ),
        LoginReason.STRONGER_NEEDED: msg("This step needs a fresh sign-in, to protect your information."),
    }
)


class StopReason(StrEnum):
    """Why a sign-in cannot go on although the password was right."""

    DECEASED = "deceased"
    MISSING = "missing"
    CARD_LOCKED = "card_locked"
    CARD_EXPIRED = "card_expired"
    NO_CARD = "no_card"
    ACCOUNT_LOCKED = "account_locked"
    ORGANISATION_DISSOLVED = "organisation_dissolved"
    MANDATE_LACKING = "mandate_lacking"
    ACCOUNT_LEVEL_LOW = "account_level_low"


class HistoryEvent(StrEnum):
    """What happened, in the history of use."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SECOND_FACTOR_GIVEN = "second_factor_given"
    SECOND_FACTOR_FAILED = "second_factor_failed"
    AUTHENTICATOR_ADDED = "authenticator_added"
    AUTHENTICATOR_SET = "authenticator_set"
    AUTHENTICATOR_REMOVED = "authenticator_removed"
    SIGNED_OUT = "signed_out"
    SESSION_ENDED = "session_ended"
    SESSION_ENDED_BY_STAFF = "session_ended_by_staff"
    SESSION_ENDED_BY_REGISTER = "session_ended_by_register"
    SESSION_EXPIRED = "session_expired"
    SESSION_REPLACED = "session_replaced"
    PORTAL_TOLD = "portal_told"
    PORTAL_NOT_TOLD = "portal_not_told"
    PORTAL_ENTERED = "portal_entered"
    DEVICE_LET_IN = "device_let_in"
    REQUEST_AGREED = "request_agreed"
    REQUEST_REFUSED = "request_refused"
    SERVICE_BLOCKED = "service_blocked"
    INFORMATION_GIVEN = "information_given"
    CONSENT_GIVEN = "consent_given"
    NOTICE_SEEN = "notice_seen"
    CONSENT_DENIED = "consent_denied"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    ACTIVATION_ISSUED = "activation_issued"
    ACTIVATED = "activated"
    PASSWORD_CHANGED = "password_changed"
    ACCOUNT_LOCKED = "account_locked"
    ACCOUNT_UNLOCKED = "account_unlocked"
    CONTACT_CHANGED = "contact_changed"


HISTORY_TEXT: Final[Mapping[HistoryEvent, Message]] = MappingProxyType(
    {
        HistoryEvent.SIGNED_IN: msg("Signed in"),
        HistoryEvent.SIGN_IN_FAILED: msg("Attempt to sign in that did not succeed"),
        HistoryEvent.SECOND_FACTOR_GIVEN: msg("Signed in more strongly, with the authenticator app"),
        HistoryEvent.SECOND_FACTOR_FAILED: msg("A code of the authenticator app that was not accepted"),
        HistoryEvent.AUTHENTICATOR_ADDED: msg("Authenticator app added"),
        HistoryEvent.AUTHENTICATOR_SET: msg("Changed when the authenticator app is asked for"),
        HistoryEvent.AUTHENTICATOR_REMOVED: msg("Authenticator app removed"),
        HistoryEvent.SIGNED_OUT: msg("Signed out"),
        HistoryEvent.SESSION_ENDED: msg("A session was ended from this page"),
        HistoryEvent.SESSION_ENDED_BY_STAFF: msg("An officer ended a session"),
        HistoryEvent.SESSION_ENDED_BY_REGISTER: msg("Sessions ended because the registers changed"),
        HistoryEvent.SESSION_EXPIRED: msg("A session ended because it was no longer used"),
        HistoryEvent.SESSION_REPLACED: msg("A session ended because somebody else signed in on that device"),
        HistoryEvent.PORTAL_TOLD: msg("A service was told that the session had ended"),
        HistoryEvent.PORTAL_NOT_TOLD: msg("A service could not be told that the session had ended"),
        HistoryEvent.PORTAL_ENTERED: msg("Entered a service"),
        HistoryEvent.DEVICE_LET_IN: msg("Let a device sign in"),
        HistoryEvent.REQUEST_AGREED: msg("Agreed to sign in to a service that asked"),
        HistoryEvent.REQUEST_REFUSED: msg("Refused a service that asked to sign in"),
        HistoryEvent.SERVICE_BLOCKED: msg("Refused a service, and wanted to see nothing of it for an hour"),
        HistoryEvent.INFORMATION_GIVEN: msg("A service received information"),
        HistoryEvent.CONSENT_DENIED: msg("Did not agree to share information"),
        HistoryEvent.ACTIVATION_ISSUED: msg("Activation code issued"),
        HistoryEvent.CONSENT_GIVEN: msg("Agreed to share information"),
        HistoryEvent.NOTICE_SEEN: msg("Was told what a service receives"),
        HistoryEvent.CONSENT_WITHDRAWN: msg("Withdrew agreement"),
        HistoryEvent.ACTIVATED: msg("Account activated"),
        HistoryEvent.PASSWORD_CHANGED: msg("Password changed"),
        HistoryEvent.ACCOUNT_LOCKED: msg("Account locked"),
        HistoryEvent.ACCOUNT_UNLOCKED: msg("Account unlocked"),
        HistoryEvent.CONTACT_CHANGED: msg("Telephone number or e-mail address changed by an officer"),
    }
)


class Basis(StrEnum):
    """On what ground a service received information."""

    STATUTORY_TASK = "statutory_task"
    CONSENT = "consent"


BASIS_TEXT: Final[Mapping[Basis, Message]] = MappingProxyType(
    {
        Basis.STATUTORY_TASK: msg("Task given by law"),
        Basis.CONSENT: msg("Your agreement"),
    }
)


class RequestsDone(StrEnum):
    """What was just done about a request of a service."""

    REFUSED = "refused"
    BLOCKED = "blocked"
    OVER = "over"


REQUESTS_DONE_TEXT: Final[Mapping[RequestsDone, Message]] = MappingProxyType(
    {
        RequestsDone.REFUSED: msg("The service has been refused. It has received nothing about you."),
        RequestsDone.BLOCKED: msg(
            "The service has been refused, and for an hour nothing that it asks is shown to you."
        ),
        RequestsDone.OVER: msg("That request waits no longer."),
    }
)


class Done(StrEnum):
    """What was just done on the account page."""

    SESSION_ENDED = "session_ended"
    OTHER_SESSIONS_ENDED = "other_sessions_ended"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    AUTHENTICATOR_ADDED = "authenticator_added"
    AUTHENTICATOR_REMOVED = "authenticator_removed"
    NOTHING_CHANGED = "nothing_changed"


DONE_TEXT: Final[Mapping[Done, Message]] = MappingProxyType(
    {
        Done.SESSION_ENDED: msg("The session has been ended. That device is signed out."),
        Done.OTHER_SESSIONS_ENDED: msg(
            "All other sessions have been ended. Only this device is still signed in."
        ),
        Done.CONSENT_WITHDRAWN: msg(
            "Your agreement has been withdrawn. The service will have to ask you again before it receives more."
        ),
        Done.AUTHENTICATOR_ADDED: msg(
            "The authenticator app has been added. Services that need a stronger sign-in will ask for its code."
        ),
        Done.AUTHENTICATOR_REMOVED: msg(
            "The authenticator app has been removed. From now on your password is all that protects your account."
        ),
        Done.NOTHING_CHANGED: msg("Nothing was changed: it had already been ended or withdrawn."),
    }
)
