"""The modules of the suite's plans for FAPI 2.0 and FAPI-CIBA (release 5.2.4).

A test of ours, or a row of its table, has the name of its module without what all of a plan begin with.
"""

from __future__ import annotations

from typing import Final

FAPI2: Final = "fapi2-security-profile-final-"
CIBA: Final = "fapi-ciba-id1-"

EVERY: Final = (
    "discovery-end-point-verification",
    "happy-flow",
    "user-rejects-authentication",
    "ensure-authorization-request-without-state-success",
    "ensure-authorization-request-without-nonce-success",
    "ensure-authorization-request-with-64-char-nonce-success",
    "ensure-other-scope-order-succeeds",
    "test-claims-parameter-identity-claims",
    "access-token-type-header-case-sensitivity",
    "ensure-different-nonce-inside-and-outside-request-object",
    "ensure-different-state-inside-and-outside-request-object",
    "ensure-authorization-request-with-long-nonce",
    "ensure-authorization-request-with-long-state",
    "state-only-outside-request-object-not-used",
    "ensure-request-object-without-redirect-uri-fails",
    "plain-fapi-tolerate-unregistered-redirect-uri",
    "ensure-unsigned-authorization-request-without-using-par-fails",
    "ensure-redirect-uri-in-authorization-request",
    "ensure-response-type-code-idtoken-fails",
    "ensure-response-type-token-fails",
    "ensure-client-id-in-token-endpoint",
    "ensure-holder-of-key-required",
    "ensure-authorization-code-is-bound-to-client",
    "attempt-reuse-authorization-code-after-one-second",
    "ensure-token-endpoint-fails-with-expired-auth-code",
    "refresh-token",
    "par-ensure-reused-request-uri-prior-to-auth-completion-succeeds",
    "par-attempt-reuse-request_uri",
    "par-attempt-to-use-expired-request_uri",
    "par-attempt-to-use-request_uri-for-different-client",
    "par-authorization-request-containing-request_uri-form-param",
    "par-attempt-invalid-http-method",
    "par-ensure-pkce-required",
    "ensure-pkce-code-verifier-required",
    "incorrect-pkce-code-verifier-rejected",
    "par-plain-pkce-rejected",
    "par-without-duplicate-parameters",
)
"""Of every plan for FAPI 2.0, in every variant that asks for OpenID Connect."""

DPOP: Final = (
    "check-dpop-proof-nbf-exp",
    "ensure-dpopproof-with-iat-10seconds-before-succeeds",
    "ensure-dpopproof-with-iat-10seconds-after-succeeds",
    "ensure-mismatched-dpop-jkt-fails",
    "ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt",
    "ensure-token-endpoint-fails-with-mismatched-dpop-jkt",
    "ensure-dpopproof-at-par-endpoint-binding-success",
    "ensure-dpop-auth-code-binding-success",
    "dpop-negative-tests",
)
"""Where tokens are bound by DPoP."""

ASSERTION: Final = (
    "ensure-signed-client-assertion-with-RS256-fails",
    "ensure-client-assertion-in-token-endpoint",
    "ensure-client-assertion-with-exp-is-5-minutes-in-past-fails",
    "ensure-client-assertion-with-wrong-aud-fails",
    "ensure-client-assertion-with-no-sub-fails",
    "par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted",
    "par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails",
    "par-test-array-as-audience-fails",
    "par-test-par-endpoint-url-as-audience-fails",
    "par-test-token-endpoint-url-as-audience-fails",
)
"""Where clients authenticate by `private_key_jwt`."""

SIGNED: Final = (
    "ensure-request-object-with-multiple-aud-succeeds",
    "ensure-request-object-with-nbf-8-seconds-in-the-future-is-accepted",
    "ensure-request-object-without-exp-fails",
    "ensure-request-object-without-nbf-fails",
    "ensure-expired-request-object-fails",
    "ensure-request-object-with-bad-aud-fails",
    "ensure-request-object-with-exp-over-60-fails",
    "ensure-request-object-with-nbf-over-60-fails",
    "ensure-signed-request-object-with-RS256-fails",
    "ensure-request-object-signature-algorithm-is-not-none",
    "ensure-request-object-with-invalid-signature-fails",
    "ensure-matching-key-in-authorization-request",
    "ensure-unsigned-request-at-par-endpoint-fails",
    "par-authorization-request-containing-request_uri",
)
"""Where requests are signed (FAPI 2.0 Message Signing)."""

BACKCHANNEL: Final = (
    "discovery-end-point-verification",
    "fapi-ciba-id1",
    "user-rejects-authentication",
    "multiple-call-to-token-endpoint",
    "auth-req-id-expired",
    "ensure-authorization-request-with-binding-message-succeeds",
    "ensure-other-scope-order-succeeds",
    "ensure-requested-expiry-as-string-succeeds",
    "ensure-authorization-request-with-potentially-bad-binding-message",
    "ensure-request-object-missing-aud-fails",
    "ensure-request-object-bad-aud-fails",
    "ensure-request-object-missing-iss-fails",
    "ensure-request-object-bad-iss-fails",
    "ensure-request-object-missing-exp-fails",
    "ensure-request-object-expired-exp-fails",
    "ensure-request-object-exp-is-70-minutes-in-future-fails",
    "ensure-request-object-missing-iat-fails",
    "ensure-request-object-missing-nbf-fails",
    "ensure-request-object-nbf-is-10-minutes-in-future-fails",
    "ensure-request-object-nbf-is-70-minutes-in-past-fails",
    "ensure-request-object-missing-jti-fails",
    "ensure-request-object-signature-algorithm-is-none-fails",
    "ensure-request-object-signature-algorithm-is-bad-fails",
    "ensure-request-object-signature-algorithm-is-RS256-fails",
    "ensure-request-object-signed-by-other-client-fails",
    "ensure-authorization-request-with-multiple-hints-fails",
    "ensure-wrong-auth-req-id-in-token-endpoint-request",
    "ensure-unsigned-backchannel-authorization-request-fails",
    "refresh-token",
    "ensure-mtls-holder-of-key-required",
)
"""Of FAPI-CIBA in every variant; `fapi-ciba-id1` is the happy flow, and has no other name."""

BACKCHANNEL_ASSERTION: Final = (
    "ensure-without-client-assertion-in-token-endpoint-request",
    "ensure-without-client-assertion-in-backchannel-authorization-request",
    "ensure-client-assertion-signature-algorithm-in-backchannel-authorization-request-is-RS256-fails",
    "ensure-client-assertion-signature-algorithm-in-token-endpoint-request-is-RS256-fails",
    "ensure-client-assertion-with-iss-aud-to-token-endpoint-succeeds",
)
BACKCHANNEL_CERTIFICATE: Final = (
    "ensure-different-client-id-and-issuer-in-backchannel-authorization-request",
    "ensure-wrong-client-id-in-token-endpoint-request",
    "ensure-wrong-client-id-in-backchannel-authorization-request",
)
PING: Final = (
    "ping-backchannel-notification-endpoint-response-has-body",
    "ping-backchannel-notification-endpoint-response-401",
    "ping-backchannel-notification-endpoint-response-403",
    "ping-with-mtls-ciba-notification-endpoint-response-401-and-require-server-does-not-retry",
    "ping-backchannel-notification-endpoint-return-redirect-request",
)


def _in_full(beginning: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{beginning}{name}" if name != CIBA.rstrip("-") else name for name in names)


SECURITY_PROFILE: Final = _in_full(FAPI2, *EVERY, *DPOP, *ASSERTION)
MESSAGE_SIGNING: Final = (*SECURITY_PROFILE, *_in_full(FAPI2, *SIGNED))
FAPI_CIBA: Final = _in_full(CIBA, *BACKCHANNEL, *BACKCHANNEL_ASSERTION, *BACKCHANNEL_CERTIFICATE, *PING)


def short(module: str) -> str:
    """The name of a module without what all of its plan begin with."""
    return module.removeprefix(FAPI2).removeprefix(CIBA)
