"""The keyring: which key signs, which signatures are believed, and what is published."""

from __future__ import annotations

import json
from typing import Any

import jwt
import orjson
import pytest

from keys import base64url, policy
from keys.backends.software import SoftwareSigner
from keys.jose import InvalidToken, encode, read_jwk_set, verify
from keys.keyring import Keyring, NoActiveKey
from keys.policy import Purpose, SecretPurpose, State
from keys.seal import KeyEncryptionKey, SealBroken
from keys.store import StoredKey, StoredSecret
from tests.support.installation import bare_keyring
from tests.support.signing import at_once, signed

NOW = 1_800_000_000
CLAIMS = {"iss": "https://motcua.example.vn", "sub": "abc", "aud": "cong", "exp": NOW + 300}
NAMELESS = {name: value for name, value in CLAIMS.items() if name != "sub"}
KEK = KeyEncryptionKey.of(b"k" * 32)


def _stored(
    signer: SoftwareSigner,
    purpose: Purpose = Purpose.ID_TOKEN,
    state: State = State.ACTIVE,
    retiring_at: int | None = None,
) -> StoredKey:
    private = KEK.seal(signer.to_pkcs8(), purpose=purpose.value, name=signer.kid)
    return StoredKey(
        kid=signer.kid,
        purpose=purpose,
        algorithm=signer.alg,
        state=state,
        public_jwk=orjson.dumps(signer.public_jwk()).decode(),
        sealed_private_key=private if state in {State.PENDING, State.ACTIVE} else None,
        created_at=NOW - 1000,
        published_at=NOW - 1000,
        retiring_at=retiring_at,
    )


def _secret(purpose: SecretPurpose, octets: bytes) -> StoredSecret:
    return StoredSecret(purpose, KEK.seal(octets, purpose="secret", name=purpose.value))


def _keyring(*keys: StoredKey, now: int = NOW) -> Keyring:
    secrets = [_secret(purpose, purpose.value.encode().ljust(32)) for purpose in SecretPurpose]
    return bare_keyring(keys, secrets, KEK, now)


def _es256() -> SoftwareSigner:
    return SoftwareSigner.generate("ES256")


def claims_for(purpose: Purpose) -> dict[str, Any]:
    """Those of every token of ours, as far as tokens of a purpose have them."""
    return dict(CLAIMS if policy.HAS_SUBJECT.get(purpose, True) else NAMELESS)


def test_a_token_comes_back_as_its_claims_and_has_the_type_of_its_purpose() -> None:
    keyring = _keyring(*(_stored(_es256(), purpose) for purpose in policy.SIGNING_KEYS))
    for purpose in policy.TOKEN_TYPES:
        claims = claims_for(purpose)
        token = signed(keyring, purpose, claims)
        assert keyring.verify_own(token, purpose=purpose) == claims
        assert jwt.get_unverified_header(token)["typ"] == policy.TOKEN_TYPES[purpose]


def test_a_token_of_one_purpose_never_passes_for_another() -> None:
    keyring = _keyring(*(_stored(_es256(), purpose) for purpose in policy.SIGNING_KEYS))
    for issued in policy.TOKEN_TYPES:
        claims = claims_for(issued)
        token = signed(keyring, issued, claims)
        for asked in set(policy.TOKEN_TYPES) - {issued}:
            with pytest.raises(InvalidToken):
                keyring.verify_own(token, purpose=asked)
        assert keyring.verify_own(token, purpose=issued) == claims


@pytest.mark.parametrize("state", [state for state in State if state is not State.ACTIVE])
def test_only_an_active_key_signs(state: State) -> None:
    keyring = _keyring(_stored(_es256(), state=state), _stored(_es256(), Purpose.ACCESS_TOKEN))
    with pytest.raises(NoActiveKey, match="id_token with ES256"):
        keyring.signer(Purpose.ID_TOKEN, "ES256")
    with pytest.raises(NoActiveKey):
        signed(keyring, Purpose.ID_TOKEN, CLAIMS, "RS256")


@pytest.mark.parametrize(
    ("purpose", "believed"),
    [
        (Purpose.ID_TOKEN, {State.ACTIVE, State.RETIRING, State.RETIRED}),
        (Purpose.ACCESS_TOKEN, {State.ACTIVE, State.RETIRING}),
        (Purpose.USERINFO, {State.ACTIVE, State.RETIRING}),
    ],
)
@pytest.mark.parametrize("state", State)
def test_which_states_are_believed(purpose: Purpose, believed: set[State], state: State) -> None:
    signer = _es256()
    token = at_once(encode(signer, CLAIMS, policy.TOKEN_TYPES[purpose]))
    keyring = _keyring(
        _stored(signer, purpose, state, retiring_at=NOW - 1 if state is State.RETIRING else None)
    )
    if state in believed:
        assert keyring.verify_own(token, purpose=purpose) == CLAIMS
    else:
        with pytest.raises(InvalidToken, match=state.value):
            keyring.verify_own(token, purpose=purpose)


def test_a_retiring_key_whose_time_is_over_counts_as_retired_without_any_job() -> None:
    signer = _es256()
    token = at_once(encode(signer, CLAIMS, "at+jwt"))
    key = _stored(signer, Purpose.ACCESS_TOKEN, State.RETIRING, retiring_at=NOW)
    assert _keyring(key, now=NOW + policy.RETIRING_LIFETIME - 1).verify_own(
        token, purpose=Purpose.ACCESS_TOKEN
    )
    late = _keyring(key, now=NOW + policy.RETIRING_LIFETIME)
    with pytest.raises(InvalidToken):
        late.verify_own(token, purpose=Purpose.ACCESS_TOKEN)
    assert json.loads(late.jwks().body) == {"keys": []}


def test_a_verified_token_is_not_believed_by_the_keyring_that_knows_of_the_revocation() -> None:
    signer = _es256()
    before = _keyring(_stored(signer))
    token = signed(before, Purpose.ID_TOKEN, CLAIMS)
    assert before.verify_own(token, purpose=Purpose.ID_TOKEN) == CLAIMS
    after = _keyring(_stored(signer, state=State.REVOKED))
    with pytest.raises(InvalidToken):
        after.verify_own(token, purpose=Purpose.ID_TOKEN)


def test_claims_that_a_caller_changes_are_not_changed_for_the_next() -> None:
    keyring = _keyring(_stored(_es256()))
    token = signed(keyring, Purpose.ID_TOKEN, {"sub": "1", "aud": ["a"]})
    keyring.verify_own(token, purpose=Purpose.ID_TOKEN)["aud"].append("b")
    assert keyring.verify_own(token, purpose=Purpose.ID_TOKEN) == {"sub": "1", "aud": ["a"]}


def test_verification_outlives_the_memory_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "VERIFIED_TOKENS", 2)
    keyring = _keyring(_stored(_es256()))
    tokens = [signed(keyring, Purpose.ID_TOKEN, {"sub": str(number)}) for number in range(5)]
    for _ in range(2):
        for number, token in enumerate(tokens):
            assert keyring.verify_own(token, purpose=Purpose.ID_TOKEN) == {"sub": str(number)}


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "RS256"},
        {"alg": "HS256"},
        {"kid": None},
        {"kid": "x"},
        {"crit": ["x"], "x": 1},
    ],
)
def test_headers_that_we_do_not_write_are_refused(header: dict[str, Any]) -> None:
    signer = _es256()
    keyring = _keyring(_stored(signer))
    claims, _, _ = signed(keyring, Purpose.ID_TOKEN, CLAIMS).partition(".")[2].partition(".")
    spelled = orjson.dumps({"alg": "ES256", "typ": "JWT", "kid": signer.kid, **header})
    signing_input = f"{base64url.encode_text(spelled)}.{claims}".encode()
    signature = base64url.encode_text(at_once(signer.sign(signing_input)))
    with pytest.raises(InvalidToken):
        keyring.verify_own(f"{signing_input.decode()}.{signature}", purpose=Purpose.ID_TOKEN)


def test_a_signature_has_one_spelling() -> None:
    keyring = _keyring(_stored(_es256()))
    head, _, spelled = signed(keyring, Purpose.ID_TOKEN, CLAIMS).rpartition(".")
    signature = base64url.decode(spelled)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    padded_s = base64url.encode_text(signature[:32] + b"\x00" + signature[32:])
    padded_r = base64url.encode_text(b"\x00" + signature)
    trailing_bits = spelled[:-1] + letters[letters.index(spelled[-1]) + 1]
    for other in (padded_s, padded_r, trailing_bits):
        with pytest.raises(InvalidToken):
            keyring.verify_own(f"{head}.{other}", purpose=Purpose.ID_TOKEN)
    assert keyring.verify_own(f"{head}.{spelled}", purpose=Purpose.ID_TOKEN) == CLAIMS


@pytest.mark.parametrize("payload", [b"\x00", b"[1]", b'"sub"', b"null", b"\xff", b"{"])
def test_even_a_good_signature_over_no_claims_is_refused(payload: bytes) -> None:
    signer = _es256()
    keyring = _keyring(_stored(signer))
    header = orjson.dumps({"alg": "ES256", "typ": "JWT", "kid": signer.kid})
    signing_input = base64url.encode(header) + b"." + base64url.encode(payload)
    token = (signing_input + b"." + base64url.encode(at_once(signer.sign(signing_input)))).decode()
    for _ in range(2):
        with pytest.raises(InvalidToken):
            keyring.verify_own(token, purpose=Purpose.ID_TOKEN)


def test_the_key_set_shows_pending_active_and_retiring_keys_of_tokens_that_portals_see() -> None:
    keys = {
        (purpose, state): _stored(
            _es256(), purpose, state, retiring_at=NOW if state is State.RETIRING else None
        )
        for purpose in (Purpose.ID_TOKEN, Purpose.ACCESS_TOKEN, Purpose.FEDERATION, Purpose.AUDIT)
        for state in State
    }
    keyring = _keyring(*keys.values())
    document = json.loads(keyring.jwks().body)
    shown = [key["kid"] for key in document["keys"]]
    assert shown == [
        keys[purpose, state].kid
        for state in (State.ACTIVE, State.PENDING, State.RETIRING)
        for purpose in (Purpose.ID_TOKEN, Purpose.ACCESS_TOKEN)
    ]
    for key in document["keys"]:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    federation = [key["kid"] for key in keyring.public_jwks(Purpose.FEDERATION)["keys"]]
    assert federation == [
        keys[Purpose.FEDERATION, s].kid for s in (State.ACTIVE, State.PENDING, State.RETIRING)
    ]


def test_the_key_set_has_an_entity_tag_that_changes_with_it() -> None:
    first = _stored(_es256())
    one, same, other = _keyring(first), _keyring(first), _keyring(_stored(_es256()))
    assert one.jwks() == same.jwks()
    assert one.jwks().etag != other.jwks().etag
    assert one.jwks().etag.startswith('"')
    assert one.jwks().max_age == policy.JWKS_CACHE_SECONDS


def test_portals_verify_with_the_key_set() -> None:
    keyring = _keyring(_stored(_es256()), _stored(SoftwareSigner.generate("RS256")))
    jwks = json.loads(keyring.jwks().body)
    for alg in ("ES256", "RS256"):
        token = signed(keyring, Purpose.ID_TOKEN, CLAIMS, alg)
        key = jwt.PyJWKSet.from_dict(jwks)[jwt.get_unverified_header(token)["kid"]]
        options: Any = {"verify_exp": False}
        assert jwt.decode(token, key, algorithms=[alg], audience="cong", options=options) == CLAIMS
        assert verify(token, read_jwk_set(jwks), algorithms=[alg], typ="JWT").claims == CLAIMS


def test_digests_depend_on_purpose_secret_and_value() -> None:
    keyring = _keyring()
    digests = {keyring.digest(purpose, value) for purpose in SecretPurpose for value in (b"001", b"002", b"")}
    assert len(digests) == 3 * len(SecretPurpose)
    assert all(len(digest) == 32 for digest in digests)
    assert keyring.digest("pairwise", b"001") == _keyring().digest(SecretPurpose.PAIRWISE, b"001")
    other = bare_keyring([], [_secret(SecretPurpose.PAIRWISE, b"other".ljust(32))], KEK, NOW)
    assert other.digest("pairwise", b"001") != keyring.digest("pairwise", b"001")


def test_unknown_and_missing_secrets() -> None:
    with pytest.raises(ValueError, match="gender"):
        _keyring().digest("gender", b"")
    with pytest.raises(NoActiveKey, match="csrf"):
        bare_keyring([], [], KEK, NOW).digest("csrf", b"")


def test_sealed_values_open_for_their_purpose_and_place() -> None:
    keyring = _keyring()
    sealed = keyring.seal("personal_data", "0912…".encode(), b"account-1")
    assert keyring.unseal("personal_data", sealed, b"account-1") == "0912…".encode()
    for purpose, aad in [
        ("interaction", b"account-1"),
        ("personal_data", b"account-2"),
        ("personal_data", b""),
    ]:
        with pytest.raises(SealBroken):
            keyring.unseal(purpose, sealed, aad)


def test_a_keyring_does_not_open_under_another_key_encryption_key() -> None:
    with pytest.raises(SealBroken, match="another key-encryption key"):
        bare_keyring([_stored(_es256())], [], KeyEncryptionKey.of(b"x" * 32), NOW)


def test_a_private_key_moved_to_another_row_does_not_open() -> None:
    one, two = _stored(_es256()), _es256()
    moved = StoredKey(
        two.kid, Purpose.ID_TOKEN, "ES256", State.ACTIVE, one.public_jwk, one.sealed_private_key, NOW
    )
    with pytest.raises(SealBroken):
        bare_keyring([moved], [], KEK, NOW)


def test_a_private_key_that_does_not_fit_its_algorithm_is_refused() -> None:
    with pytest.raises(ValueError, match="does not sign RS256"):
        SoftwareSigner.load("RS256", _es256().to_pkcs8())


def test_nothing_private_shows() -> None:
    signer = _es256()
    stored = _stored(signer)
    assert repr(signer) == f"SoftwareSigner(kid={signer.kid!r}, alg='ES256')"
    assert "sealed_private_key" not in repr(stored)
