"""The one error family.

`OAuthError` answers a client with a code of the OAuth or OpenID registry, `PageError` answers a person with a
translated page, `Unavailable` says that we cannot work right now. Whatever else is raised is a `server_error`.
All are translated into HTTP once, at the edge (`idp.http.failures`).
"""

from __future__ import annotations

import re
from typing import ClassVar

_NOT_ALLOWED = re.compile(r"[^\x20-\x21\x23-\x5B\x5D-\x7E]")
_PERSONAL_NUMBER = re.compile(r"(?<![0-9A-Za-z])(?:[0-9]{12}|[0-9]{9})(?![0-9A-Za-z])")
"""Of an identity card, today's or the one before: portals send it in wrong fields, and errors repeat what was wrong."""


def without_numbers(text: str) -> str:
    """The text as it may be told and recorded: what could be the number of a person is left out."""
    return _PERSONAL_NUMBER.sub("...", text)


class OAuthError(Exception):
    """An error answer to a client: `error` is the registered code (RFC 6749 §5.2 and its registry).

    `description` is for the client's developer and is sent; `detail` is for our log only.
    """

    error: ClassVar[str] = "server_error"
    status: ClassVar[int] = 400

    def __init__(self, description: str = "", *, detail: str = "") -> None:
        super().__init__(description)
        # RFC 6749 §4.1.2.1: error_description is limited to %x20-21 / %x23-5B / %x5D-7E.
        self.description = without_numbers(_NOT_ALLOWED.sub("?", description))[:400]
        self.detail = without_numbers(detail)


class InvalidRequest(OAuthError):
    """RFC 6749 §4.1.2.1 and §5.2."""

    error = "invalid_request"


class InvalidClient(OAuthError):
    """RFC 6749 §5.2: client authentication failed."""

    error = "invalid_client"
    status = 401


class InvalidGrant(OAuthError):
    """RFC 6749 §5.2: code or refresh token invalid, expired, revoked, replayed or another client's."""

    error = "invalid_grant"


class UnauthorizedClient(OAuthError):
    """RFC 6749 §5.2: the client may not use this grant type."""

    error = "unauthorized_client"


class UnsupportedGrantType(OAuthError):
    """RFC 6749 §5.2."""

    error = "unsupported_grant_type"


class UnsupportedResponseType(OAuthError):
    """RFC 6749 §4.1.2.1."""

    error = "unsupported_response_type"


class InvalidScope(OAuthError):
    """RFC 6749 §5.2."""

    error = "invalid_scope"


class InvalidTarget(OAuthError):
    """RFC 8707 §2: a resource is missing, unknown, malformed, or not open to this client."""

    error = "invalid_target"


class AccessDenied(OAuthError):
    """RFC 6749 §4.1.2.1: the person or we said no."""

    error = "access_denied"


class LoginRequired(OAuthError):
    """OpenID Connect Core §3.1.2.6."""

    error = "login_required"


class ConsentRequired(OAuthError):
    """OpenID Connect Core §3.1.2.6."""

    error = "consent_required"


class InteractionRequired(OAuthError):
    """OpenID Connect Core §3.1.2.6."""

    error = "interaction_required"


class UnmetAuthenticationRequirements(OAuthError):
    """OpenID Connect Core Unmet Authentication Requirements 1.0."""

    error = "unmet_authentication_requirements"


class AuthorizationPending(OAuthError):
    """RFC 8628 §3.5: nobody has answered at the verification address yet; ask again after the interval."""

    error = "authorization_pending"


class SlowDown(OAuthError):
    """RFC 8628 §3.5: as `AuthorizationPending`, and the interval is five seconds longer from now on."""

    error = "slow_down"


class ExpiredToken(OAuthError):
    """RFC 8628 §3.5: the device code has expired; the device asks for a new one."""

    error = "expired_token"


class InvalidDpopProof(OAuthError):
    """RFC 9449 §5, §7.1: the proof is missing, malformed, for another request, or used before."""

    error = "invalid_dpop_proof"


class UseDpopNonce(OAuthError):
    """RFC 9449 §8: the proof holds no nonce of ours, or an old one; the answer brings the one to use."""

    error = "use_dpop_nonce"


class InvalidAuthorizationDetails(OAuthError):
    """RFC 9396 §5: of an unknown or unregistered type, malformed, or more than may be granted."""

    error = "invalid_authorization_details"


class UnknownUserId(OAuthError):
    """CIBA Core §13: the hint names nobody who can be asked."""

    error = "unknown_user_id"


class InvalidBindingMessage(OAuthError):
    """CIBA Core §13: the binding message cannot be shown as it is."""

    error = "invalid_binding_message"


class RequestNotSupported(OAuthError):
    """OpenID Connect Core §3.1.2.6: the `request` parameter is not supported for this client."""

    error = "request_not_supported"


class RequestUriNotSupported(OAuthError):
    """OpenID Connect Core §3.1.2.6: the `request_uri` parameter, or what is there, is not supported for this client."""

    error = "request_uri_not_supported"


class InvalidRequestObject(OAuthError):
    """RFC 9101 §7: the request object cannot be read, verified or believed."""

    error = "invalid_request_object"


class InvalidRequestUri(OAuthError):
    """RFC 9101 §7: there is no request object at the `request_uri`, or not by this client."""

    error = "invalid_request_uri"


class RegistrationNotSupported(OAuthError):
    """OpenID Connect Core §3.1.2.6."""

    error = "registration_not_supported"


class InvalidClientMetadata(OAuthError):
    """RFC 7591 §3.2.2."""

    error = "invalid_client_metadata"


class InvalidRedirectUri(OAuthError):
    """RFC 7591 §3.2.2."""

    error = "invalid_redirect_uri"


class InvalidSoftwareStatement(OAuthError):
    """RFC 7591 §3.2.2: not signed by who says so, over, or for somebody else."""

    error = "invalid_software_statement"


class UnapprovedSoftwareStatement(OAuthError):
    """RFC 7591 §3.2.2: nobody here trusts its issuer."""

    error = "unapproved_software_statement"


class InvalidToken(OAuthError):
    """RFC 6750 §3.1: the access token is expired, revoked, malformed or not for us."""

    error = "invalid_token"
    status = 401


class InsufficientScope(OAuthError):
    """RFC 6750 §3.1."""

    error = "insufficient_scope"
    status = 403


class TemporarilyUnavailable(OAuthError):
    """RFC 6749 §4.1.2.1, towards a redirect URI."""

    error = "temporarily_unavailable"
    status = 503


class PageError(Exception):
    """A translated page for a person; `page` names its text in `idp.pages.errors`.

    `detail` is for our log. Two addresses lead the person out of the dead end, where there are any: `way_on` is one of
    ours, `back_url` the registered one of the portal called `client_name`.
    """

    def __init__(
        self,
        page: str,
        status: int = 400,
        *,
        detail: str = "",
        way_on: str = "",
        back_url: str = "",
        client_name: str = "",
    ) -> None:
        super().__init__(page)
        self.page = page
        self.status = status
        self.detail = without_numbers(detail)
        self.way_on = way_on
        self.back_url = back_url
        self.client_name = client_name


class Unavailable(Exception):
    """We cannot serve this now (a full queue, no database); 503 with Retry-After in seconds."""

    def __init__(self, detail: str, *, retry_after: int = 5) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
