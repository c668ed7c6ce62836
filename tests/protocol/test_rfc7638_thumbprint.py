"""RFC 7638 and RFC 8037 thumbprints: the published examples, and what does not count."""

from __future__ import annotations

import pytest

from keys.jose import InvalidJwk, thumbprint

RSA_KEY = {  # RFC 7638 §3.1
    "kty": "RSA",
    "n": (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"
        "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA"
        "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"
        "kEgU8awapJzKnqDKgw"
    ),
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}
OKP_KEY = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}  # RFC 8037 §A.2
EC_KEY = {  # RFC 7517 §A.1
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
}


def test_rsa_example_of_rfc_7638() -> None:
    assert thumbprint(RSA_KEY) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_ed25519_example_of_rfc_8037() -> None:
    assert thumbprint(OKP_KEY) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_optional_members_and_order_do_not_count() -> None:
    dressed = {
        "use": "sig",
        "y": EC_KEY["y"],
        "kid": "1",
        "x": EC_KEY["x"],
        "crv": "P-256",
        "kty": "EC",
        "alg": "ES256",
    }
    assert thumbprint(dressed) == thumbprint(EC_KEY)


@pytest.mark.parametrize("missing", ["kty", "crv", "x", "y"])
def test_every_required_member_is_needed(missing: str) -> None:
    with pytest.raises(InvalidJwk):
        thumbprint({name: value for name, value in EC_KEY.items() if name != missing})


@pytest.mark.parametrize("kty", ["XYZ", "", 1, None, ["EC"]])
def test_unknown_types_have_none(kty: object) -> None:
    with pytest.raises(InvalidJwk):
        thumbprint({**EC_KEY, "kty": kty})
