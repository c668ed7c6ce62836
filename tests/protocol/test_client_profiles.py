"""The profiles of clients: what a new client gets, what it cannot leave, and how a legacy one comes to its end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import orjson
import pytest

from idp.errors import InvalidClientMetadata
from idp.oidc.client import KINDS, Client, Kind
from idp.oidc.client_authentication import secret_digest
from idp.oidc.client_metadata import client_metadata, read_client
from idp.oidc.client_profile import check_last_day
from idp.oidc.grant_types import DEVICE_CODE
from idp.oidc.profile import LONGEST_LEGACY, PROFILES, SIGNED_RESPONSE_MODES, ProfileName
from idp.registers.calendar import today
from idp.store import clients
from keys import policy
from keys.backends.software import SoftwareSigner
from tests.support.oidc_rules import NOW, client, metadata
from tests.support.on_sqlite import on_sqlite
from tests.support.population import HOA
from tests.support.portals import LAST_DAY
from tests.support.provider import Provider

KEYS: Final = {"keys": [SoftwareSigner.generate("ES256").public_jwk()]}
KEYED: Final[dict[str, Any]] = {"jwks": KEYS, "token_endpoint_auth_method": "private_key_jwt"}
APP: Final[dict[str, Any]] = {
    "application_type": "native",
    "redirect_uris": ["http://127.0.0.1/cb"],
    "post_logout_redirect_uris": [],
    "token_endpoint_auth_method": "none",
}
MACHINE: Final[dict[str, Any]] = {
    "application_type": "machine",
    "redirect_uris": [],
    "post_logout_redirect_uris": [],
    "grant_types": ["client_credentials"],
    "scope": "procedures:read",
    "audience": ["https://api.example.gov.vn"],
    "jwks": KEYS,
}


def registered(*without: str, **changes: Any) -> Client:
    """A client whose profile, unless it is among the changes, nobody named."""
    return client(*({"profile"} - changes.keys()), *without, **changes)


# 1: what a new client gets


@pytest.mark.parametrize(
    ("kind", "described", "profile"),
    [
        ("server", {"jwks": KEYS}, "fapi2"),
        ("machine", MACHINE, "fapi2"),
        ("browser", {"token_endpoint_auth_method": "none"}, "oidc"),
        ("native", APP, "oidc"),
    ],
)
def test_a_new_client_gets_the_strongest_that_its_kind_can_keep_to(
    kind: Kind, described: dict[str, Any], profile: ProfileName
) -> None:
    without = () if "token_endpoint_auth_method" in described else ("token_endpoint_auth_method",)
    new = registered(*without, **described)
    assert (new.kind, new.profile) == (kind, profile)
    assert KINDS[kind].profiles[0] == profile


def test_a_new_portal_pushes_binds_and_signs_without_having_said_so() -> None:
    portal = registered("token_endpoint_auth_method", jwks=KEYS)
    assert portal.token_endpoint_auth_method == "private_key_jwt"
    assert portal.require_pushed_authorization_requests
    assert portal.dpop_bound_access_tokens
    assert not portal.require_signed_request_object
    by_certificate = registered(**KEYED, tls_client_certificate_bound_access_tokens=True)
    assert not by_certificate.dpop_bound_access_tokens


def test_a_machine_pushes_nothing() -> None:
    machine = registered("token_endpoint_auth_method", **MACHINE)
    assert not machine.require_pushed_authorization_requests
    assert machine.dpop_bound_access_tokens


def test_message_signing_signs_requests() -> None:
    assert registered(**KEYED, profile="fapi2_message_signing").require_signed_request_object


@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_registered_reads_back_the_same(profile: ProfileName) -> None:
    end = {"legacy_until": LAST_DAY} if PROFILES[profile].ends else {}
    one = registered(**KEYED, profile=profile, **end)
    assert read_client(client_metadata(one), now=NOW) == one


# 2: the rows of the table, and that nothing gets round them


@pytest.mark.parametrize("profile", ["fapi2", "fapi2_message_signing"])
def test_fapi_rows_hold_what_the_specification_says(profile: ProfileName) -> None:
    rules = PROFILES[profile]
    assert all((rules.pkce, rules.pushed_requests, rules.sender_constrained, rules.lone_audience))
    assert not any((rules.rotates_refresh_tokens, rules.unsigned_request_objects))
    assert set(rules.client_algorithms) == rules.provider_algorithms == {"ES256", "PS256", "EdDSA", "Ed25519"}
    assert rules.methods == {"private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"}


def test_message_signing_lets_in_no_device() -> None:
    """RFC 8628 §3.1 knows no signed request."""
    changes = KEYED | {"grant_types": ["authorization_code", DEVICE_CODE]}
    assert DEVICE_CODE in registered(**changes, profile="fapi2").grant_types
    with pytest.raises(InvalidClientMetadata, match="grant_types"):
        registered(**changes, profile="fapi2_message_signing")


def test_message_signing_answers_signed_only() -> None:
    assert PROFILES["fapi2_message_signing"].response_modes == SIGNED_RESPONSE_MODES


@pytest.mark.parametrize("profile", ["fapi2", "fapi2_message_signing"])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"token_endpoint_auth_method": "client_secret_basic"}, "use private_key_jwt"),
        ({"token_endpoint_auth_method": "none", "jwks": None}, "profile of a browser client"),
        ({"token_endpoint_auth_signing_alg": "RS256"}, "token_endpoint_auth_signing_alg"),
        ({"request_object_signing_alg": "RS256"}, "request_object_signing_alg"),
        ({"request_object_signing_alg": "none"}, "request_object_signing_alg"),
        ({"id_token_signed_response_alg": "RS256"}, "id_token_signed_response_alg"),
        ({"access_token_signed_response_alg": "RS256"}, "access_token_signed_response_alg"),
        ({"userinfo_signed_response_alg": "RS256"}, "userinfo_signed_response_alg"),
        ({"introspection_signed_response_alg": "RS256"}, "introspection_signed_response_alg"),
        ({"authorization_signed_response_alg": "RS256"}, "authorization_signed_response_alg"),
        ({"require_pushed_authorization_requests": False}, "require_pushed_authorization_requests"),
        ({"dpop_bound_access_tokens": False}, "dpop_bound_access_tokens"),
        ({"legacy_until": LAST_DAY}, "legacy_until"),
    ],
)
def test_a_fapi_client_cannot_hold_itself_to_less(
    profile: ProfileName, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidClientMetadata, match=said):
        registered(**KEYED | changes, profile=profile)


def test_every_client_may_hold_itself_to_more() -> None:
    strict = registered(
        **KEYED,
        profile="oidc",
        require_pushed_authorization_requests=True,
        dpop_bound_access_tokens=True,
        require_signed_request_object=True,
    )
    assert strict.require_pushed_authorization_requests
    assert strict.dpop_bound_access_tokens


@pytest.mark.parametrize("name", ["fapi", "", None, 2, ["fapi2"]])
def test_a_profile_is_one_of_the_table(name: object) -> None:
    with pytest.raises(InvalidClientMetadata, match="profile"):
        read_client({**metadata(**KEYED), "profile": name}, now=NOW)


def test_our_own_algorithms_cover_those_of_the_profiles() -> None:
    for rules in PROFILES.values():
        assert rules.provider_algorithms & set(policy.SIGNING_KEYS[policy.Purpose.ID_TOKEN])
        assert policy.DEFAULT_ALGORITHM in rules.provider_algorithms


# 3: the end of a legacy client


@pytest.mark.parametrize(
    ("days", "good"), [(-1, False), (0, True), (LONGEST_LEGACY, True), (LONGEST_LEGACY + 1, False)]
)
def test_legacy_is_for_a_year_at_most(days: int, good: bool) -> None:  # noqa: FBT001 - a column of the table
    last = (today(NOW) + timedelta(days=days)).isoformat()
    one = registered(profile="legacy", legacy_until=last)
    if good:
        check_last_day(one, NOW)
        return
    with pytest.raises(InvalidClientMetadata, match="legacy_until"):
        check_last_day(one, NOW)


@pytest.mark.parametrize(
    "text", ["2027-02-30", "tomorrow", "2027-6-1", "20270601", "2027-06-01T00:00:00Z", 20270601]
)
def test_a_last_day_is_a_day(text: object) -> None:
    with pytest.raises(InvalidClientMetadata, match="legacy_until"):
        registered(profile="legacy", legacy_until=text)


MINUTES_BEFORE_MIDNIGHT: Final = 17 * 3600 - 120  # the provider's clock begins at 07:00 in Viet Nam


@on_sqlite
async def test_after_its_last_day_nothing_is_given_to_a_legacy_client(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("legacy-basic")
    provider.clock.advance(MINUTES_BEFORE_MIDNIGHT)
    last = {**portal.registered.metadata, "legacy_until": today(int(provider.clock())).isoformat()}
    secret = secret_digest(portal.registered.secret or "")
    await provider.db.write(
        clients.replace(portal.client_id, orjson.dumps(last).decode(), secret_digest=secret)
    )
    browser = provider.browser()
    tokens = await provider.tokens(portal.client_id, HOA, browser)
    assert (await portal.userinfo(tokens.access_token)).status_code == 200
    assert (await portal.post("/introspect", token=tokens.access_token)).json()["active"]
    _, begun = await portal.send(provider.browser())
    provider.clock.advance(180)
    late = await provider.sign_in(begun, HOA)
    assert (late.status, "client_disabled" in late.response.text) == (403, True)
    _, visit = await portal.send(browser)
    assert (visit.status, "client_disabled" in visit.response.text) == (403, True)
    assert (await portal.userinfo(tokens.access_token)).status_code == 401
    for path, form in (
        ("/introspect", {"token": tokens.access_token}),
        ("/token", {"grant_type": "refresh_token"}),
    ):
        refused = await portal.post(path, **form)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
