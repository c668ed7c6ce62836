"""The backchannel authentication request (CIBA Core §7): what a portal asks a person for who is elsewhere.

Whom a hint names is never looked up for the portal. What is kept is a digest of the hint, made for every well-formed
one alike, and a person who signs in is shown what waits under the digests of their own. So neither the answer nor its
time tells a portal whether somebody has an account, or lives (decision 0029).
"""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from idp.errors import InvalidBindingMessage, InvalidRequest, OAuthError, UnauthorizedClient, UnknownUserId
from idp.oidc import request_elsewhere
from idp.oidc.authorization_request import LIMITS, AuthorizationRequest
from idp.oidc.client import Client
from idp.oidc.client_name import is_familiar
from idp.oidc.grant_types import CIBA
from idp.oidc.hint import verify_hint
from idp.oidc.parameters import check_faultless, read_known
from idp.oidc.polling import INTERVAL
from idp.oidc.request_object.parameters import known_pairs
from idp.oidc.subject import pairwise_subject
from idp.registers.personal_code import is_personal_number
from idp.store.backchannel_requests import BackchannelRequest
from idp.store.throttle import Bucket, Limit, bucket
from keys.keyring import Keyring
from keys.policy import SecretPurpose

HINTS: Final = ("login_hint", "id_token_hint", "login_hint_token")
KNOWN_PARAMETERS: Final = request_elsewhere.KNOWN_PARAMETERS | {
    *HINTS, "binding_message", "requested_expiry", "client_notification_token",
}  # fmt: skip
"""CIBA Core §7.1. `user_code` is not supported, and what is unknown is passed over."""

LIFETIME: Final = 10 * 60
"""Seconds that a request waits where the portal asks for nothing else: as long as somebody holds the line."""
LONGEST_LIFETIME: Final = 15 * 60
OLDEST_LOGIN: Final = 60 * 60
"""Seconds since the person proved who they are, at most. A telephone that stays signed in answers, one that was left
lying about does not. The provider's security officer may change it."""
LONGEST_MESSAGE: Final = 40  # characters: a person compares them with another screen, or hears them read out
LONGEST_TOKEN: Final = 1024  # characters of client_notification_token (CIBA Core §7.1)

ASKING: Final = Limit(interval_ms=20_000, burst=20)
"""Requests of one client about one person. Of these one waits at a time, so more would only move about on a page."""

_PROMPT: Final = "consent"
"""What is asked is always shown: the person did not choose to come."""
_MESSAGE: Final = re.compile(r"#?[^\W_](?: ?[/#-]?[^\W_])*")
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]{22,}=*")  # RFC 6750 §2.1, of 128 bits (CIBA Core §7.1)
_SECONDS: Final = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom a portal asks for: the digest of a hint. `sector` says whose `sub` it held; None for a personal number."""

    digest: bytes = field(repr=False)
    sector: str | None


@dataclass(frozen=True, slots=True)
class AskedElsewhere:
    """A request that is read; `notification_token` is empty for clients that poll, `lifetime` is in seconds."""

    request: AuthorizationRequest
    whom: Whom
    binding_message: str
    notification_token: str = field(repr=False)
    lifetime: int


def read_backchannel_request(
    claims: Mapping[str, object], client: Client, keyring: Keyring, issuer: str
) -> AskedElsewhere:
    """What a proven client asks for, by the claims of its signed request.

    Raises:
        InvalidRequest, InvalidBindingMessage, UnknownUserId: CIBA Core §13.
        InvalidScope, InvalidTarget, InvalidAuthorizationDetails: as at the authorization endpoint.
    """
    sent = _read_sent(claims)
    return AskedElsewhere(
        request=_asked(sent, client, issuer),
        whom=_read_whom(sent, client, keyring, issuer),
        binding_message=read_binding_message(sent.get("binding_message", "")),
        notification_token=_read_notification_token(sent, client),
        lifetime=_read_lifetime(sent.get("requested_expiry")),
    )


def require_grant(client: Client) -> None:
    """Refuse a client that is not registered for this.

    Raises:
        UnauthorizedClient: it is not.
    """
    if CIBA not in client.grant_types:
        raise UnauthorizedClient(f"this client is not registered for the grant type {CIBA}")


def _read_sent(claims: Mapping[str, object]) -> Mapping[str, str]:
    try:
        pairs = known_pairs(claims, KNOWN_PARAMETERS)
    except OAuthError as error:
        raise InvalidRequest(f"request: {error.description}") from error
    parameters = read_known(pairs, KNOWN_PARAMETERS, LIMITS)
    check_faultless(parameters)
    return parameters


def _asked(sent: Mapping[str, str], client: Client, issuer: str) -> AuthorizationRequest:
    """What the interaction will be about; nothing of it says who the person is."""
    plain = {name: value for name, value in sent.items() if name in request_elsewhere.KNOWN_PARAMETERS}
    request = request_elsewhere.read_request_elsewhere(plain, client, issuer, prompt=_PROMPT)
    oldest = OLDEST_LOGIN if request.max_age is None else min(request.max_age, OLDEST_LOGIN)
    return replace(request, max_age=oldest)


def _read_whom(sent: Mapping[str, str], client: Client, keyring: Keyring, issuer: str) -> Whom:
    """CIBA Core §7.1: exactly one hint."""
    given = [name for name in HINTS if name in sent]
    if len(given) != 1:
        raise InvalidRequest("exactly one of login_hint and id_token_hint is needed (CIBA section 7.1)")
    if "login_hint_token" in sent:
        raise InvalidRequest("login_hint_token is not supported: send login_hint or id_token_hint")
    if "login_hint" in sent:
        number = sent["login_hint"].strip()
        if not is_personal_number(number):
            raise UnknownUserId("login_hint must be a personal number: twelve digits")
        return Whom(_number_digest(keyring, number), None)
    hint = verify_hint(keyring, sent["id_token_hint"], issuer=issuer, client_id=client.client_id)
    return Whom(_subject_digest(keyring, client.sector, hint.subject), client.sector)


def _number_digest(keyring: Keyring, number: str) -> bytes:
    return keyring.digest(SecretPurpose.PERSONAL_NUMBER, f"backchannel:{number}".encode())


def _subject_digest(keyring: Keyring, sector: str, subject: str) -> bytes:
    return keyring.digest(SecretPurpose.PERSONAL_NUMBER, f"backchannel sub:{sector}\0{subject}".encode())


def digests_of(
    keyring: Keyring, numbers: Iterable[str], account_id: str, sectors: Sequence[str]
) -> tuple[bytes, ...]:
    """What a person is asked for by: each number that they ever had, and their `sub` in each of some sectors."""
    by_sub = (
        _subject_digest(keyring, sector, pairwise_subject(keyring, sector, account_id)) for sector in sectors
    )
    return (*(_number_digest(keyring, number) for number in numbers), *by_sub)


def read_binding_message(text: str) -> str:
    """What the person is to compare (CIBA Core §7.1): letters and digits, with a space, hyphen, slash or # before them.

    It has to be there (FAPI-CIBA §5.2.2), and has no room for an address to lead people to. The letters are those of
    names.

    Raises:
        InvalidRequest: it is missing.
        InvalidBindingMessage: it is too long, or holds something else.
    """
    if not text:
        raise InvalidRequest("binding_message is needed: what the person compares with your screen")
    message = unicodedata.normalize("NFC", text)
    familiar = all(is_familiar(one) for one in message if one.isalnum())
    if len(message) > LONGEST_MESSAGE or not _MESSAGE.fullmatch(message) or not familiar:
        raise InvalidBindingMessage(
            f"binding_message must be at most {LONGEST_MESSAGE} letters of Vietnamese or English and digits, with"
            " single spaces, hyphens, slashes or # before them"
        )
    return message


def _read_notification_token(sent: Mapping[str, str], client: Client) -> str:
    """CIBA Core §7.1: what a ping proves itself with; of no use to a client that polls."""
    if client.backchannel_token_delivery_mode != "ping":
        return ""
    token = sent.get("client_notification_token", "")
    if len(token) > LONGEST_TOKEN or not _TOKEN.fullmatch(token):
        raise InvalidRequest(
            f"client_notification_token must be a bearer token of 22 to {LONGEST_TOKEN} characters, for the ping"
        )
    return token


def _read_lifetime(text: str | None) -> int:
    """CIBA Core §7.1 `requested_expiry`: a positive number; what is too long is cut."""
    if text is None:
        return LIFETIME
    if not _SECONDS.fullmatch(text) or int(text) == 0:
        raise InvalidRequest("requested_expiry must be a whole number of seconds")
    return min(int(text), LONGEST_LIFETIME)


def new_auth_req_id() -> str:
    """A fresh `auth_req_id`: 256 random bits (CIBA Core §7.3)."""
    return secrets.token_urlsafe(32)


def auth_req_id_digest(auth_req_id: str) -> bytes:
    """What the store keeps of an `auth_req_id`."""
    return hashlib.sha256(auth_req_id.encode()).digest()


def kept_request(
    asked: AskedElsewhere, auth_req_id: str, client: Client, keyring: Keyring, now: int
) -> BackchannelRequest:
    """The row of a request."""
    digest = auth_req_id_digest(auth_req_id)
    return BackchannelRequest(
        digest=digest,
        person_digest=asked.whom.digest,
        sector=asked.whom.sector,
        client_id=client.client_id,
        request=asked.request.to_json(),
        binding_message=asked.binding_message,
        notification=_sealed(keyring, digest, auth_req_id, asked.notification_token),
        interval=INTERVAL,
        created_at=now,
        expires_at=now + asked.lifetime,
    )


def _sealed(keyring: Keyring, digest: bytes, auth_req_id: str, token: str) -> bytes | None:
    if not token:
        return None
    plain = orjson.dumps({"auth_req_id": auth_req_id, "token": token})
    return keyring.seal(SecretPurpose.INTERACTION, plain, digest)


@dataclass(frozen=True, slots=True)
class Notification:
    """What a ping says, and the token that it proves itself with (CIBA Core §10.2)."""

    auth_req_id: str = field(repr=False)
    token: str = field(repr=False)


def open_notification(keyring: Keyring, digest: bytes, sealed: bytes) -> Notification:
    """What was sealed with a request.

    Raises:
        keys.seal.SealBroken: a row was changed by somebody else, or comes from another one.
    """
    kept: dict[str, Any] = orjson.loads(keyring.unseal(SecretPurpose.INTERACTION, sealed, digest))
    return Notification(kept["auth_req_id"], kept["token"])


def acknowledgement(auth_req_id: str, lifetime: int) -> dict[str, object]:
    """The answer (CIBA Core §7.3)."""
    return {"auth_req_id": auth_req_id, "expires_in": lifetime, "interval": INTERVAL}


def asking_path(client_id: str, whom: Whom) -> Sequence[Bucket]:
    """The bucket of a client's requests about one person, known or not."""
    return (bucket("ciba-asking", ASKING, client_id.encode(), whom.digest),)


def kept_errand(digest: bytes) -> str:
    """What an interaction keeps of a request: which one it is about."""
    return orjson.dumps({"backchannel": digest.hex()}).decode()


def read_kept_errand(text: str) -> bytes | None:
    """The digest of the request that an interaction is about; None where it is about something else."""
    kept: dict[str, Any] = orjson.loads(text)
    found = kept.get("backchannel")
    return bytes.fromhex(found) if isinstance(found, str) else None
