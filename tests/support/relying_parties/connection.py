"""What a portal's program is told of the provider, what the provider was told of the portal, and how the two differ."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from idp.store import versions
from tests.support.portals import Registered, register
from tests.support.served import ServedProvider

AN_HOUR: Final = 3600
"""Seconds that a wrong clock is ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The settings of a portal's program; `base` is the portal's own address, `clock` how far its clock is ahead.

    `profile` is the set of rules that it keeps to, as it is registered (`idp.oidc.profile`).
    """

    base: str
    issuer: str
    client_id: str
    secret: str | None = None
    private_key: Mapping[str, str] | None = None
    scope: str = "openid profile"
    pkce: bool = True
    profile: str = "oidc"
    id_token_alg: str = "ES256"
    clock: int = 0

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends people after the login."""
        return f"{self.base}/callback"

    @property
    def path(self) -> str:
        """The last segment of its address."""
        return self.base.rpartition("/")[2]

    @property
    def bye(self) -> str:
        """Where it sends them after the logout."""
        return f"{self.base}/"

    @property
    def backchannel_uri(self) -> str:
        """Where it is told of logouts: by number, for the provider connects to addresses that it has looked at."""
        return f"{self.base}/backchannel".replace("localhost", "127.0.0.1")

    @property
    def assertion_alg(self) -> str:
        """What the portal signs its assertions with."""
        return str((self.private_key or {}).get("alg", ""))


@dataclass(frozen=True, slots=True)
class Mistake:
    """How a registration, or the settings of a program, differ from what they should be.

    A believed `private_key` is an algorithm: a key of that kind that the provider has never seen.
    """

    registered: Mapping[str, Any] = field(default_factory=dict)
    believed: Mapping[str, Any] = field(default_factory=dict)


def _strange_key(algorithm: str) -> Mapping[str, str]:
    if algorithm == "RS256":
        return _private_jwk(rsa.generate_private_key(public_exponent=65537, key_size=2048), algorithm)
    return _private_jwk(ec.generate_private_key(ec.SECP256R1()), algorithm)


def _private_jwk(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, algorithm: str) -> Mapping[str, str]:
    made: dict[str, str] = jwt.get_algorithm_by_name(algorithm).to_jwk(key, as_dict=True)
    return {
        **{name: value for name, value in made.items() if name != "key_ops"},
        "kid": "k1",
        "alg": algorithm,
    }


SAID: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "wrong secret": ("invalid_client", "client authentication failed", "wrong secret"),
        "unregistered redirect_uri": (
            "redirect_uri_mismatch",
            "redirect_uri",
            "not exactly one of the registered",
        ),
        "no PKCE": ("invalid_request", "code_challenge is missing: PKCE with S256 is required"),
        "assertions by another algorithm": (
            "invalid_client",
            "signed with RS256, and this client may use ES256 (token_endpoint_auth_signing_alg)",
        ),
        "assertions by another key": (
            "invalid_client",
            "client_assertion: it cannot be verified with the registered",
        ),
        "assertions by a wrong clock": (
            "invalid_client",
            "client_assertion: exp is more than",
            "the clock wrong?",
        ),
        "unregistered scope": ("invalid_scope", "not registered for this client: pid"),
        "unregistered post_logout_redirect_uri": (
            "logout_redirect_mismatch",
            "post_logout_redirect_uri is not exactly one of the client's registered",
        ),
    }
)
"""What of the provider's own words a developer finds, whichever library stands between."""

_BY_KEY: Final = {"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256"}
_ELSEWHERE: Final = "https://elsewhere.example"

RIGHT: Final[Mapping[str, Mistake]] = MappingProxyType(
    {"with a secret": Mistake(), "with a key": Mistake(registered=_BY_KEY)}
)
"""Portals that are connected as they should be."""

STRICT: Final[Mapping[str, Mistake]] = MappingProxyType(
    {
        "FAPI 2.0": Mistake(registered={**_BY_KEY, "profile": "fapi2"}),
        "FAPI 2.0 Message Signing": Mistake(registered={**_BY_KEY, "profile": "fapi2_message_signing"}),
    }
)
"""As they should be, by the profiles that ask for more: for libraries that know PAR, DPoP and JARM."""

MISTAKES: Final[Mapping[str, Mistake]] = MappingProxyType(
    {
        "wrong secret": Mistake(believed={"secret": "not-the-one-that-was-shown"}),
        "unregistered redirect_uri": Mistake(registered={"redirect_uris": [f"{_ELSEWHERE}/callback"]}),
        "wrong issuer": Mistake(believed={"issuer": "http://localhost:{port}"}),
        "no PKCE": Mistake(believed={"pkce": False}),
        "ID tokens by another algorithm": Mistake(believed={"id_token_alg": "RS256"}),
        "assertions by another algorithm": Mistake(registered=_BY_KEY, believed={"private_key": "RS256"}),
        "assertions by another key": Mistake(registered=_BY_KEY, believed={"private_key": "ES256"}),
        "assertions by a wrong clock": Mistake(registered=_BY_KEY, believed={"clock": AN_HOUR}),
        "wrong clock": Mistake(believed={"clock": AN_HOUR}),
        "unregistered scope": Mistake(believed={"scope": "openid profile pid"}),
        "unregistered post_logout_redirect_uri": Mistake(
            registered={"post_logout_redirect_uris": [f"{_ELSEWHERE}/bye"]}
        ),
    }
)
"""What portals get wrong when they are connected for the first time."""


def _metadata(client_id: str, base: str, backchannel: str) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "client_name": "Cổng dùng thư viện có sẵn",
        "client_name#en": "A portal that uses a library",
        "owner": "Cơ quan mẫu",
        "sector": client_id,
        "redirect_uris": [f"{base}/callback"],
        "post_logout_redirect_uris": [f"{base}/"],
        "backchannel_logout_uri": f"{base}{backchannel}".replace("localhost", "127.0.0.1"),
        "profile": "oidc",
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "openid profile",
        "legal_basis": "statutory_task",
        "legal_reference": "Luật Lý lịch tư pháp số 28/2009/QH12",
        "purpose": "Giải quyết thủ tục của người dân",
    }


def _connect(registered: Registered, base: str, issuer: str, believed: Mapping[str, Any]) -> Connection:
    key = registered.private_key
    known: dict[str, Any] = {
        "issuer": issuer,
        "secret": registered.secret,
        "profile": registered.metadata["profile"],
        "private_key": None if key is None else _private_jwk(key, registered.algorithm),
    }
    known |= believed
    if isinstance(known["private_key"], str):
        known["private_key"] = _strange_key(known["private_key"])
    known["issuer"] = known["issuer"].format(port=issuer.rpartition(":")[2])
    return Connection(base=base, client_id=registered.client_id, **known)


async def connect(
    provider: ServedProvider,
    bases: Mapping[str, str],
    library: str,
    cases: Mapping[str, Mistake],
    *,
    backchannel: str = "/backchannel",
) -> dict[str, Connection]:
    """Register a portal for each case, and tell its program as much as it is to believe.

    `bases` are their addresses by case, `backchannel` is where below them the library is told of logouts.
    """
    made = {}
    for number, (name, case) in enumerate(cases.items()):
        metadata = {**_metadata(f"{library}-{number}", bases[name], backchannel), **case.registered}
        registered, kept = register(metadata, int(time.time()))
        await provider.db.write(kept, versions.changed(versions.CLIENTS))
        made[name] = _connect(registered, bases[name], provider.issuer, case.believed)
    return made


def below(port: int, cases: Mapping[str, Mistake]) -> dict[str, str]:
    """An address for each case, where one server serves all of them."""
    return {name: f"http://localhost:{port}/portal-{number}" for number, name in enumerate(cases)}
