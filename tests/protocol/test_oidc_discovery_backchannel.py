"""Discovery is true of logins that a portal begins (CIBA Core §4): what is advertised works, all else is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from idp.errors import InvalidClientMetadata
from idp.oidc.client_metadata import read_client
from tests.support.advertised import SIGNING, advertised, published_key, signed_as, withheld
from tests.support.ciba import COUNTER, Asked, CertifiedCounter
from tests.support.devices import add_clients
from tests.support.fapi_suite import check_refused
from tests.support.provider import NOW, Provider
from tests.support.request_objects import private_key

MODES = ("poll", "ping", "push")


def _described(alg: str, **changes: Any) -> dict[str, Any]:
    """A call centre with a secret, which signs its requests with the key of this algorithm."""
    return {
        **COUNTER,
        "client_id": f"signs-{alg.lower()}",
        "profile": "oidc",
        "dpop_bound_access_tokens": False,
        "token_endpoint_auth_method": "client_secret_basic",
        "jwks": {"keys": [published_key(alg)]},
        **changes,
    }


async def _ask(provider: Provider, alg: str, **changes: Any) -> Asked:
    described = _described(alg, backchannel_authentication_request_signing_alg=alg)
    if described["client_id"] not in provider.registered:
        await add_clients(provider, described)
    return await _send(provider, described["client_id"], alg, **changes)


async def _send(provider: Provider, client_id: str, alg: str, **changes: Any) -> Asked:
    """A good request, signed by the key of an algorithm."""
    key = private_key()
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    portal = CertifiedCounter.of(provider.portal(client_id))
    portal.registered = replace(portal.registered, private_key=key)
    good = portal.request_object(portal.claims(**changes))
    claims = orjson.dumps(jwt.decode(good, options={"verify_signature": False}))
    return await portal.ask_signed(signed_as(claims, alg))


@pytest.mark.parametrize("alg", advertised("backchannel_authentication_request_signing_alg_values_supported"))
async def test_requests_are_signed_as_advertised(sandbox: Provider, alg: str) -> None:
    assert (await _ask(sandbox, alg)).auth_req_id


@pytest.mark.parametrize(
    "alg", withheld("backchannel_authentication_request_signing_alg_values_supported", SIGNING)
)
def test_requests_are_signed_in_no_other_way(alg: str) -> None:
    described = _described("ES256", backchannel_authentication_request_signing_alg=alg)
    with pytest.raises(InvalidClientMetadata) as refused:
        read_client(described, now=NOW)
    assert "backchannel_authentication_request_signing_alg" in refused.value.description


@pytest.mark.parametrize("mode", MODES)
def test_tokens_are_delivered_as_advertised(mode: str) -> None:
    """FAPI-CIBA §5.2.2: never by push."""
    told = {"backchannel_client_notification_endpoint": "https://counter.example/ping"}
    described = _described("ES256", backchannel_token_delivery_mode=mode, **({} if mode == "poll" else told))
    if mode in advertised("backchannel_token_delivery_modes_supported"):
        assert read_client(described, now=NOW).backchannel_token_delivery_mode == mode
        return
    with pytest.raises(InvalidClientMetadata) as refused:
        read_client(described, now=NOW)
    assert "backchannel_token_delivery_mode" in refused.value.description


async def test_a_user_code_means_nothing(sandbox: Provider) -> None:
    assert advertised("backchannel_user_code_parameter_supported") is False
    assert (await _ask(sandbox, "ES256", user_code="1234")).auth_req_id
    with pytest.raises(InvalidClientMetadata):
        read_client(_described("ES256", backchannel_user_code_parameter=True), now=NOW)


async def test_control_another_algorithm_than_registered_is_refused(sandbox: Provider) -> None:
    described = _described("PS256", client_id="signs-otherwise")
    await add_clients(sandbox, described | {"backchannel_authentication_request_signing_alg": "ES256"})
    check_refused((await _send(sandbox, "signs-otherwise", "PS256")).response, "invalid_request")
