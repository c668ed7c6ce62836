"""What we register of the clients that a plan does not register itself, and what the suite is told of them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from idp.oidc.grant_types import AUTHORIZATION_CODE, CIBA, REFRESH_TOKEN
from idp.registers.calendar import today
from tests.conformance.plans import FAPI, FAPI_CIBA, PORTAL, Plan
from tests.support.certificates import CLIENTS, Holder, Wish, issued, self_signed

_LAW: Final = "Luật Giao dịch điện tử số 20/2023/QH15"
_FIRST: Final = "client"
_ALGORITHMS: Final = {"client": "PS256", "client2": "ES256"}
"""What each client signs with: the first one by RSA, so that the suite can try RS256."""
_SIGNED: Final = ("token_endpoint_auth_signing_alg", "backchannel_authentication_request_signing_alg")
"""Registered where the profile would let RS256 pass."""

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StaticClient:
    """One client: `metadata` are registered; `told` stands in a plan's configuration, and `shown` is its certificate.

    What is told holds private keys: they are as old as the installation.
    """

    metadata: Document
    told: Document = field(repr=False)
    secret: str = field(default="", repr=False)
    shown: Document | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Ground:
    """What clients are made from: the suite's address, the time, and who certifies clients of ours."""

    suite: str
    now: int
    authority: Holder

    def address(self, plan: Plan) -> str:
        """Where the suite plays the clients of a plan."""
        return f"{self.suite}/test/a/{plan.alias}"


def _common(ground: Ground, plan: Plan, place: str) -> dict[str, Any]:
    return {
        "client_id": f"{plan.alias}-{place}",
        "client_name": f"Bộ kiểm thử {plan.alias}",
        "owner": "Người kiểm thử",
        "sector": plan.alias,
        "legal_basis": "statutory_task",
        "legal_reference": _LAW,
        "purpose": "Kiểm tra sự phù hợp với tiêu chuẩn",
        "purpose#en": "To test conformance",
    }


def _addresses(ground: Ground, plan: Plan) -> dict[str, Any]:
    base = ground.address(plan)
    return {"redirect_uris": [f"{base}/callback", f"{base}/callback?dummy1=lorem&dummy2=ipsum"]}


def _with_a_secret(ground: Ground, plan: Plan, place: str) -> StaticClient:
    """A client of OpenID Connect's plans: the suite's modules send no PKCE and verify RS256."""
    secret = secrets.token_urlsafe(32)
    posts = place == "client_secret_post"
    metadata = {
        **_common(ground, plan, place),
        **_addresses(ground, plan),
        "post_logout_redirect_uris": [f"{ground.address(plan)}/post_logout_redirect"],
        "grant_types": [AUTHORIZATION_CODE, REFRESH_TOKEN],
        "token_endpoint_auth_method": "client_secret_post" if posts else "client_secret_basic",
        "profile": "legacy",
        "legacy_until": (today(ground.now) + timedelta(days=30)).isoformat(),
        "id_token_signed_response_alg": "RS256",
        "request_object_signing_alg": "none",
        "scope": "openid profile email address phone offline_access",
    }
    return StaticClient(metadata, {"client_id": metadata["client_id"], "client_secret": secret}, secret)


@dataclass(frozen=True, slots=True)
class _Pair:
    """The key that a client signs with, as two JWKs."""

    private: Document = field(repr=False)
    public: Document


def _sign_with(place: str) -> _Pair:
    alg, key = _ALGORITHMS[place], _fresh_key(place)
    convert = jwt.get_algorithm_by_name(alg).to_jwk
    named = {"kid": f"{place}-{secrets.token_hex(4)}", "alg": alg, "use": "sig"}
    private, public = convert(key, as_dict=True), convert(key.public_key(), as_dict=True)
    for jwk in (private, public):
        jwk.pop("key_ops", None)  # what `use` says already
    return _Pair({**private, **named}, {**public, **named})


def _fresh_key(place: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    return (
        rsa.generate_private_key(65537, 2048) if place == _FIRST else ec.generate_private_key(ec.SECP256R1())
    )


def _certified(ground: Ground, place: str) -> Holder:
    """The first client's certificate is by an authority of ours, the second one's by itself."""
    wish = Wish(f"CN={place},O=Conformance,C=VN", usage=CLIENTS, ends=30 * 86_400)
    return issued(wish, ground.authority) if place == _FIRST else self_signed(wish)


def _shown(holder: Holder) -> Document:
    key = holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    above = "".join(one.public_bytes(Encoding.PEM).decode() for one in holder.above)
    return {"cert": holder.pem, "key": key, **({"ca": above} if above else {})}


def _method(plan: Plan, place: str, pair: _Pair, holder: Holder | None) -> dict[str, Any]:
    """How the client authenticates: by its key, by the name in its certificate, or by the certificate itself.

    A certificate that vouches for itself is registered in any case: our own TLS listener lets no other one through.
    """
    keys = [pair.public]
    if holder is not None and place != _FIRST:
        keys.append(holder.jwk(f"{place}-certificate"))
    if plan.variant["client_auth_type"] == "private_key_jwt" or holder is None:
        how = {"token_endpoint_auth_method": "private_key_jwt"}
    elif place == _FIRST:
        subject = holder.certificate.subject.rfc4514_string()
        how = {"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": subject}
    else:
        how = {"token_endpoint_auth_method": "self_signed_tls_client_auth"}
    return {**how, "jwks": {"keys": keys}}


def _keyed(ground: Ground, plan: Plan, place: str, metadata: Document, told: Document) -> StaticClient:
    """A client with a key of its own, and a certificate where the plan wants one."""
    pair = _sign_with(place)
    holder = _certified(ground, place) if plan.wants_certificates else None
    registered = {**_common(ground, plan, place), **metadata, **_method(plan, place, pair, holder)}
    return StaticClient(
        registered,
        {
            "client_id": registered["client_id"],
            "scope": registered["scope"],
            "jwks": {"keys": [pair.private]},
            **told,
        },
        shown=None if holder is None else _shown(holder),
    )


def _of_fapi(ground: Ground, plan: Plan, place: str) -> StaticClient:
    """A client of FAPI 2.0; which of its profiles follows from whether the plan signs its requests."""
    signs = plan.variant.get("fapi_request_method") == "signed_non_repudiation"
    metadata = {
        **_addresses(ground, plan),
        "grant_types": [AUTHORIZATION_CODE, REFRESH_TOKEN],
        "profile": "fapi2_message_signing" if signs else "fapi2",
        "tls_client_certificate_bound_access_tokens": plan.variant["sender_constrain"] == "mtls",
        "scope": "openid profile email address phone offline_access",
    }
    told = {"dpop_signing_alg": "ES256" if place == _FIRST else "PS256"}
    return _keyed(ground, plan, place, metadata, told)


def _of_ciba(ground: Ground, plan: Plan, place: str) -> StaticClient:
    """A client of FAPI-CIBA. With assertions it is not of FAPI 2.0, whose audience is the issuer alone."""
    metadata: dict[str, Any] = {
        "redirect_uris": [],
        "response_types": [],
        "grant_types": [CIBA, REFRESH_TOKEN],
        "profile": "fapi2",
        "tls_client_certificate_bound_access_tokens": True,
        "backchannel_token_delivery_mode": plan.variant["ciba_mode"],
        "scope": "openid profile offline_access",
    }
    if plan.variant["ciba_mode"] == "ping":
        endpoint = f"{ground.address(plan)}/ciba-notification-endpoint"
        metadata["backchannel_client_notification_endpoint"] = endpoint
    if plan.variant["client_auth_type"] == "private_key_jwt":
        metadata |= {"profile": "oidc", **dict.fromkeys(_SIGNED, _ALGORITHMS[place])}
    return _keyed(ground, plan, place, metadata, {})


_MAKERS: Final[Mapping[str, Callable[[Ground, Plan, str], StaticClient]]] = MappingProxyType(
    {PORTAL: _with_a_secret, FAPI: _of_fapi, FAPI_CIBA: _of_ciba}
)


def make_client(ground: Ground, plan: Plan, place: str) -> StaticClient:
    """The client of a plan at one place of its configuration, with fresh keys or a fresh secret."""
    return _MAKERS[plan.family](ground, plan, place)


def in_configuration(clients: Mapping[str, StaticClient]) -> dict[str, Any]:
    """The part of a plan's configuration that tells of its clients, by their places."""
    told: dict[str, Any] = {place: dict(client.told) for place, client in clients.items()}
    shown = {place.replace("client", "mtls"): client.shown for place, client in clients.items()}
    return told | {
        place: dict(certificate) for place, certificate in shown.items() if certificate is not None
    }
