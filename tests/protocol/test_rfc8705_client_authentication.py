"""RFC 8705 §2: a client is proven by the certificate of its connection, and by nothing that it could send beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import pytest

from idp.errors import InvalidClient, InvalidClientMetadata
from idp.oidc.client import Client
from idp.oidc.client_authentication import ASSERTION_TYPE, prove_client, read_credentials, secret_digest
from idp.oidc.client_certificate import check_listened_to
from idp.oidc.client_keys import UNKNOWN_KEY_SECONDS, ClientKeys
from idp.settings import Settings
from keys.authorities import NO_AUTHORITIES, Authorities
from keys.certificate import read_certificate
from tests.support.certificates import CLIENTS, Holder, Wish, issued, root, self_signed
from tests.support.oidc_rules import ISSUER, NOW, TOKEN_ENDPOINT, client
from tests.support.remote import NOWHERE, Web
from tests.support.signing import at_once

NAME: Final = "CN=portal,OU=Phòng 1,O=Sở Tư pháp\\, Hà Nội,C=VN"
NAMES: Final[dict[str, Any]] = {
    "dns": ("portal.example.vn", "khac.example.vn"),
    "uris": ("https://portal.example.vn/may-chu",),
    "ips": ("192.0.2.7", "2001:db8::7"),
    "emails": ("portal@example.vn",),
}
ROOT: Final = root(at=NOW)
PORTAL: Final = issued(Wish(NAME, usage=CLIENTS, at=NOW, **NAMES), ROOT)
ALONE, OTHER = self_signed(Wish("CN=alone", at=NOW)), self_signed(Wish("CN=alone", at=NOW))
AUTHORITIES: Final = Authorities([ROOT.certificate])


NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def certified(**names: Any) -> Client:
    return client(token_endpoint_auth_method="tls_client_auth", **names)


def registered(*holders: Holder, **more: Any) -> Client:
    keys = [holder.jwk(f"k{number}") for number, holder in enumerate(holders)]
    return client(token_endpoint_auth_method="self_signed_tls_client_auth", jwks={"keys": keys}, **more)


async def proving(
    one: Client,
    holder: Holder | None,
    *,
    keys: ClientKeys | None = None,
    authorities: Authorities = AUTHORITIES,
    now: int = NOW,
    form: Mapping[str, str] = NOTHING,
) -> str:
    proven = await prove_client(
        read_credentials(None, {"client_id": "portal", **form}),
        one,
        keys or ClientKeys(NOWHERE),
        issuer=ISSUER,
        endpoints=(TOKEN_ENDPOINT,),
        now=now,
        certificate=None if holder is None else read_certificate(holder.der),
        authorities=authorities,
    )
    assert proven.client is one
    return proven.method


def prove(one: Client, holder: Holder | None, **more: Any) -> str:
    return at_once(proving(one, holder, **more))


FITTING = {
    "tls_client_auth_subject_dn": (NAME, "cn=portal,ou=Phòng 1,o=Sở Tư pháp\\2C Hà Nội,c=VN"),
    "tls_client_auth_san_dns": ("portal.example.vn", "PORTAL.example.vn", "khac.example.vn"),
    "tls_client_auth_san_uri": ("https://portal.example.vn/may-chu",),
    "tls_client_auth_san_ip": ("192.0.2.7", "2001:db8::7", "2001:0db8:0::0007"),
    "tls_client_auth_san_email": ("portal@example.vn",),
}


@pytest.mark.parametrize(("name", "value"), [(name, one) for name, all_ in FITTING.items() for one in all_])
def test_a_name_by_an_authority(name: str, value: str) -> None:
    assert prove(certified(**{name: value}), PORTAL) == "tls_client_auth"


OTHERS = {
    "tls_client_auth_subject_dn": (
        "CN=portal",
        "CN=portal,O=Sở Tư pháp\\, Hà Nội,C=VN",
        "C=VN,O=Sở Tư pháp\\, Hà Nội,OU=Phòng 1,CN=portal",
        "CN=Portal,OU=Phòng 1,O=Sở Tư pháp\\, Hà Nội,C=VN",
    ),
    "tls_client_auth_san_dns": ("example.vn", "*.example.vn", "a.portal.example.vn", "portal"),
    "tls_client_auth_san_uri": ("https://portal.example.vn/", "https://PORTAL.example.vn/may-chu"),
    "tls_client_auth_san_ip": ("192.0.2.70", "::ffff:192.0.2.7"),
    "tls_client_auth_san_email": ("Portal@example.vn", "portal"),
}


@pytest.mark.parametrize(("name", "value"), [(name, one) for name, all_ in OTHERS.items() for one in all_])
def test_another_name(name: str, value: str) -> None:
    with pytest.raises(InvalidClient, match=f"another name than the registered {name}"):
        prove(certified(**{name: value}), PORTAL)


@pytest.mark.parametrize(
    "holder",
    [
        self_signed(Wish(NAME, at=NOW)),
        issued(Wish(NAME, at=NOW), root(at=NOW)),
        issued(Wish(NAME, at=NOW, begins=-7200, ends=-1), ROOT),
        issued(Wish(NAME, at=NOW, begins=1), ROOT),
    ],
)
def test_the_name_is_worth_what_the_authority_is(holder: Holder) -> None:
    with pytest.raises(InvalidClient, match="not in its time, or not by an authority"):
        prove(certified(tls_client_auth_subject_dn=NAME), holder)


def test_without_authorities_no_name_is_believed() -> None:
    with pytest.raises(InvalidClient):
        prove(certified(tls_client_auth_subject_dn=NAME), PORTAL, authorities=NO_AUTHORITIES)


def test_a_certificate_without_a_subject_is_known_by_its_other_names() -> None:
    nameless = issued(Wish("", at=NOW, dns=("portal.example.vn",)), ROOT)
    assert prove(certified(tls_client_auth_san_dns="portal.example.vn"), nameless) == "tls_client_auth"
    with pytest.raises(InvalidClient):
        prove(certified(tls_client_auth_subject_dn=NAME), nameless)


def test_the_registered_certificate() -> None:
    assert prove(registered(ALONE), ALONE) == "self_signed_tls_client_auth"


def test_one_of_several_registered() -> None:
    assert prove(registered(ALONE, OTHER), OTHER) == "self_signed_tls_client_auth"


def test_who_signed_a_registered_certificate_does_not_matter() -> None:
    elsewhere = issued(Wish("CN=elsewhere", at=NOW), root("CN=Nobody knows", at=NOW))
    assert prove(registered(elsewhere), elsewhere) == "self_signed_tls_client_auth"


@pytest.mark.parametrize("holder", [OTHER, PORTAL])
def test_a_certificate_that_is_not_registered(holder: Holder) -> None:
    with pytest.raises(InvalidClient, match="in no x5c"):
        prove(registered(ALONE), holder)


def test_a_new_certificate_of_the_registered_key_is_another_one() -> None:
    renewed = self_signed(Wish("CN=alone", at=NOW), key=ALONE.key)
    with pytest.raises(InvalidClient, match="in no x5c"):
        prove(registered(ALONE), renewed)


@pytest.mark.parametrize("now", [NOW - 3601, NOW + 86401])
def test_a_registered_certificate_has_its_time(now: int) -> None:
    with pytest.raises(InvalidClient, match="not valid at this time"):
        prove(registered(ALONE), ALONE, now=now)


async def test_certificates_at_an_address_are_followed() -> None:
    web, clock = Web(), [float(NOW)]
    uri = "https://portal.example.vn/jwks"
    keys = ClientKeys(web.fetch, lambda: clock[0])
    one = client(token_endpoint_auth_method="self_signed_tls_client_auth", jwks_uri=uri)
    web.put_json(uri, {"keys": [ALONE.jwk()]})
    assert await proving(one, ALONE, keys=keys) == "self_signed_tls_client_auth"
    web.put_json(uri, {"keys": [OTHER.jwk()]})
    clock[0] += UNKNOWN_KEY_SECONDS
    assert await proving(one, OTHER, keys=keys) == "self_signed_tls_client_auth"
    with pytest.raises(InvalidClient):
        await proving(one, ALONE, keys=keys)


async def test_an_address_that_does_not_answer() -> None:
    one = client(
        token_endpoint_auth_method="self_signed_tls_client_auth", jwks_uri="https://portal.example.vn/jwks"
    )
    with pytest.raises(InvalidClient, match="cannot be had"):
        await proving(one, ALONE, keys=ClientKeys(Web().fetch, lambda: float(NOW)))


NAMED = certified(tls_client_auth_subject_dn=NAME)


@pytest.mark.parametrize("one", [NAMED, registered(ALONE)])
def test_no_certificate_no_client(one: Client) -> None:
    with pytest.raises(InvalidClient, match="mtls_endpoint_aliases") as refused:
        prove(one, None)
    assert refused.value.status == 401


@pytest.mark.parametrize("holder", [PORTAL, None])
@pytest.mark.parametrize(
    "form",
    [
        {"client_secret": "secret"},
        {"client_secret": ""},
        {"client_assertion_type": ASSERTION_TYPE, "client_assertion": "e30.eyJzdWIiOiJwb3J0YWwifQ.AA"},
    ],
)
def test_another_method_does_not_help(form: dict[str, str], holder: Holder | None) -> None:
    with pytest.raises(InvalidClient):
        prove(NAMED, holder, form=form)


@pytest.mark.parametrize(
    "one",
    [
        client(secret_digest=secret_digest("secret")),
        client(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [ALONE.jwk()]}),
    ],
)
def test_a_certificate_proves_no_client_of_another_method(one: Client) -> None:
    with pytest.raises(InvalidClient):
        prove(one, ALONE)


def test_a_client_that_is_over() -> None:
    with pytest.raises(InvalidClient):
        prove(replace(NAMED, disabled_at=1), PORTAL)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"token_endpoint_auth_method": "tls_client_auth"}, "exactly one of"),
    "two names": (
        {
            "token_endpoint_auth_method": "tls_client_auth",
            "tls_client_auth_subject_dn": NAME,
            "tls_client_auth_san_dns": "portal.example.vn",
        },
        "exactly one of",
    ),
    "a name for another method": (
        {"token_endpoint_auth_method": "client_secret_basic", "tls_client_auth_san_dns": "portal.example.vn"},
        "tls_client_auth_san_dns is for tls_client_auth",
    ),
    "a name as OpenSSL prints it": (
        {
            "token_endpoint_auth_method": "tls_client_auth",
            "tls_client_auth_subject_dn": "C = VN, CN = portal",
        },
        "RFC 4514",
    ),
    "no address": (
        {"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_ip": "portal.example.vn"},
        "must be an IP address",
    ),
    "no certificate": (
        {"token_endpoint_auth_method": "self_signed_tls_client_auth"},
        "needs jwks or jwks_uri",
    ),
    "a key without certificate": (
        {
            "token_endpoint_auth_method": "self_signed_tls_client_auth",
            "jwks": {"keys": [{name: value for name, value in ALONE.jwk().items() if name != "x5c"}]},
        },
        "x5c",
    ),
    "another key's certificate": (
        {
            "token_endpoint_auth_method": "self_signed_tls_client_auth",
            "jwks": {"keys": [{**ALONE.jwk(), "x5c": OTHER.jwk()["x5c"]}]},
        },
        "x5c",
    ),
    "a certificate in base64url": (
        {
            "token_endpoint_auth_method": "self_signed_tls_client_auth",
            "jwks": {"keys": [{**ALONE.jwk(), "x5c": ["-_-_"]}]},
        },
        "x5c",
    ),
    "bound in two ways": (
        {
            "token_endpoint_auth_method": "tls_client_auth",
            "tls_client_auth_subject_dn": NAME,
            "tls_client_certificate_bound_access_tokens": True,
            "dpop_bound_access_tokens": True,
        },
        "cannot stand together",
    ),
    "an app": (
        {
            "application_type": "native",
            "token_endpoint_auth_method": "none",
            "redirect_uris": ["http://127.0.0.1/callback"],
            "post_logout_redirect_uris": [],
            "tls_client_certificate_bound_access_tokens": True,
        },
        "for clients that authenticate",
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_registered(why: str) -> None:
    metadata, sentence = REFUSED[why]
    with pytest.raises(InvalidClientMetadata) as refused:
        client(**metadata)
    assert sentence in refused.value.description


BOUND = client(token_endpoint_auth_method="none", dpop_bound_access_tokens=False)
MTLS = {"issuer": ISSUER, "mtls_url": "https://mtls.example.gov.vn", "trusted_proxies": ("127.0.0.1/32",)}


@pytest.mark.parametrize(
    ("one", "named"),
    [
        (NAMED, "IDP_MTLS_URL"),
        (registered(ALONE), "IDP_MTLS_URL"),
        (
            client(
                token_endpoint_auth_method="private_key_jwt",
                jwks={"keys": [ALONE.jwk()]},
                tls_client_certificate_bound_access_tokens=True,
            ),
            "IDP_MTLS_URL",
        ),
    ],
)
def test_an_installation_that_asks_for_none_says_what_it_lacks(one: Client, named: str) -> None:
    with pytest.raises(InvalidClientMetadata, match=named):
        check_listened_to(one, Settings(issuer=ISSUER))


def test_an_installation_without_authorities_says_what_it_lacks() -> None:
    settings = Settings(**MTLS)  # type: ignore[arg-type]
    check_listened_to(registered(ALONE), settings)
    check_listened_to(BOUND, Settings(issuer=ISSUER))
    with pytest.raises(InvalidClientMetadata, match="IDP_CLIENT_CA_FILE"):
        check_listened_to(NAMED, settings)
