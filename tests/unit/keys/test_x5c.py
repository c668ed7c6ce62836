"""RFC 7517 §4.7: the certificate that a key was published with is kept, if it is this very key's."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from keys.backends.software import SoftwareSigner
from keys.jose import read_jwk_set
from tests.support.certificates import Wish, issued, root, self_signed

ROOT: Final = root()
HOLDER: Final = issued(Wish("CN=portal"), ROOT)
OTHER: Final = self_signed(Wish("CN=other"))


def certificates(*members: dict[str, Any]) -> tuple[bytes, ...]:
    return read_jwk_set({"keys": list(members)}).certificates


def test_the_keys_own_certificate_is_the_first() -> None:
    above = b64encode(ROOT.certificate.public_bytes(Encoding.DER)).decode()
    chain = [*HOLDER.jwk()["x5c"], above]
    assert certificates({**HOLDER.jwk(), "x5c": chain}) == (HOLDER.der,)


def test_of_several_keys() -> None:
    plain = SoftwareSigner.generate("ES256").public_jwk()
    assert certificates(HOLDER.jwk("one"), plain, OTHER.jwk("two")) == (HOLDER.der, OTHER.der)


def test_a_key_that_nothing_is_signed_with_has_none() -> None:
    members = {**HOLDER.jwk("one"), "use": "enc", "alg": "ECDH-ES"}
    assert certificates(members, OTHER.jwk("two")) == (OTHER.der,)


DER = HOLDER.jwk()["x5c"]


@pytest.mark.parametrize(
    "x5c",
    [
        None, "", [], [1], {}, DER[0], OTHER.jwk()["x5c"], ["AAAA"], ["not base64"], [HOLDER.pem],
        [DER[0].replace("+", "-").replace("/", "_") + "-"], [DER[0][:-8]], [f"{DER[0]}AAAA"],
    ],
)  # fmt: skip
def test_what_is_no_certificate_of_the_key_is_passed_over(x5c: object) -> None:
    members = {**HOLDER.jwk(), "x5c": x5c}
    found = read_jwk_set({"keys": [members]})
    assert found.certificates == ()
    assert [key.kid for key in found.keys] == ["certified"]
