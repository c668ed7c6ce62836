"""Client profiles: which set of rules a client is held to, as data.

What is registered, discovered, asked of requests and put into tokens follows from one row of `PROFILES`; nothing else
asks for a profile by its name. A client may hold itself to more than its row asks, never to less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

from keys import policy

ProfileName = Literal["fapi2", "fapi2_message_signing", "oidc", "legacy"]
AuthenticationMethod = Literal[
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
    "client_secret_basic",
    "client_secret_post",
    "none",
]

METHODS: Final[tuple[AuthenticationMethod, ...]] = (
    "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth", "client_secret_basic", "client_secret_post",
    "none",
)  # fmt: skip
"""How clients authenticate, the strongest first."""

TLS_METHODS: Final = frozenset({"tls_client_auth", "self_signed_tls_client_auth"})
"""By the certificate of the connection (RFC 8705 §2)."""
SECRET_METHODS: Final = frozenset({"client_secret_basic", "client_secret_post"})

PLAIN_RESPONSE_MODES: Final = ("query", "form_post")
SIGNED_RESPONSE_MODES: Final = ("jwt", "query.jwt", "form_post.jwt")
"""JARM §2.3; for `code`, `jwt` means `query.jwt`."""

_FAPI_METHODS: Final = frozenset[AuthenticationMethod](
    {"private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRules:
    """What clients of one profile may register, and what we ask of their requests. The README shows the same table.

    `client_algorithms` sign what clients send, `provider_algorithms` what we answer. `lone_audience`: an assertion is
    for the issuer identifier, as one text; else also for the token endpoint, and in a list. `pkce`, `pushed_requests`,
    `sender_constrained`, `signed_requests`: no request, or token, without. `unsigned_request_objects` may be
    registered. `dated_request_objects`: they say from when to when they are good, an hour at most.
    `rotates_refresh_tokens`: each works once; else one is used again and again by the client that authenticates.
    `dpop_nonce`: a proof holds a nonce of ours. `ends`: a client of it has a last day.
    """

    methods: frozenset[AuthenticationMethod]
    client_algorithms: tuple[str, ...]
    provider_algorithms: frozenset[str]
    response_modes: tuple[str, ...]
    lone_audience: bool
    pkce: bool
    pushed_requests: bool
    sender_constrained: bool
    signed_requests: bool
    unsigned_request_objects: bool
    dated_request_objects: bool
    rotates_refresh_tokens: bool
    dpop_nonce: bool
    ends: bool


_ALL_PROVIDER_ALGORITHMS: Final = frozenset(
    alg for algorithms in policy.SIGNING_KEYS.values() for alg in algorithms
)

_FAPI2: Final = ProfileRules(
    methods=_FAPI_METHODS,
    client_algorithms=policy.FAPI_ALGORITHMS,
    provider_algorithms=frozenset(policy.FAPI_ALGORITHMS),
    response_modes=(*PLAIN_RESPONSE_MODES, *SIGNED_RESPONSE_MODES),
    lone_audience=True,
    pkce=True,
    pushed_requests=True,
    sender_constrained=True,
    signed_requests=False,
    unsigned_request_objects=False,
    dated_request_objects=True,
    rotates_refresh_tokens=False,
    dpop_nonce=True,
    ends=False,
)

_OIDC: Final = ProfileRules(
    methods=frozenset(METHODS) - {"client_secret_post"},
    client_algorithms=policy.CLIENT_ALGORITHMS,
    provider_algorithms=_ALL_PROVIDER_ALGORITHMS,
    response_modes=(*PLAIN_RESPONSE_MODES, *SIGNED_RESPONSE_MODES),
    lone_audience=False,
    pkce=True,
    pushed_requests=False,
    sender_constrained=False,
    signed_requests=False,
    unsigned_request_objects=True,
    dated_request_objects=False,
    rotates_refresh_tokens=True,
    dpop_nonce=False,
    ends=False,
)

PROFILES: Final[Mapping[ProfileName, ProfileRules]] = MappingProxyType(
    {
        # FAPI 2.0 Security Profile §5.3: for whoever can keep a key; what a new client gets
        "fapi2": _FAPI2,
        # FAPI 2.0 Message Signing §5.3, §5.4: request and answer are signed too, and can be shown to a judge
        "fapi2_message_signing": replace(_FAPI2, response_modes=SIGNED_RESPONSE_MODES, signed_requests=True),
        # OpenID Connect Core with RFC 9700: apps and pages, which keep no key; portals that are not there yet
        "oidc": _OIDC,
        # an old portal that cannot do PKCE, or sends a secret in the body: marked, and only until a day that is named
        "legacy": replace(
            _OIDC,
            methods=frozenset({"private_key_jwt", "client_secret_basic", "client_secret_post"}),
            pkce=False,
            ends=True,
        ),
    }
)

LONGEST_LEGACY: Final = 366
"""Days that a legacy client may have before it at most when it is registered or changed: the year in which a portal is
rebuilt. The provider's security officer may change it."""


def of_any_profile(allowed: Callable[[ProfileRules], Iterable[str]]) -> tuple[str, ...]:
    """What one profile or another allows, each once: what the metadata document offers to all clients."""
    return tuple(dict.fromkeys(one for rules in PROFILES.values() for one in allowed(rules)))
