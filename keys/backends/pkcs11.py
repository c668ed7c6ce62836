"""Signing keys in a hardware security module, by PKCS #11 (python-pkcs11).

A process has one session with the token and one thread that speaks to the library; signatures wait in a bounded queue
(`pkcs11_module`). A session that has gone is opened anew by the next signature (`pkcs11_session`). Nothing is opened
before the first call, so that a token may be named before workers are forked.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from keys.backends import pkcs11_keys
from keys.backends.pkcs11_module import ANSWER_SECONDS, LONG_ANSWER_SECONDS, Pkcs11Module, TokenUnavailable
from keys.backends.pkcs11_session import Connection, NoSuchKey, TokenSession

__all__ = ["NoSuchKey", "Pkcs11Signer", "Pkcs11Token", "TokenDescription", "TokenUnavailable"]

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class TokenDescription:
    """What a token says of itself; for the record of a ceremony and for `motcua check`."""

    label: str
    manufacturer: str
    model: str
    serial: str
    hardware_version: str
    firmware_version: str
    library: str
    """File of the PKCS #11 library."""
    algorithms: tuple[str, ...]
    """The JWS algorithms that it makes keys for and signs with."""


class Pkcs11Token:
    """A token, by its label; the keys in it never leave it."""

    def __init__(
        self, module: Path, label: str, pin_file: Path, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.label = label
        self._path = module.resolve()
        self._pin_file = pin_file
        self._clock = clock
        self._session = self._new_session()

    def _new_session(self) -> TokenSession:
        return TokenSession(Pkcs11Module.of(self._path), self.label, self._pin_file, self._clock)

    def _here(self) -> TokenSession:
        """The session of this process: thread and session stay behind in a fork."""
        if self._session.module.pid != os.getpid():
            self._session = self._new_session()
        return self._session

    async def run(
        self,
        work: Callable[[Connection], _Result],
        *,
        again: bool = True,
        seconds: float = LONG_ANSWER_SECONDS,
    ) -> _Result:
        """Do `work` with the session in the library's thread; `again` allows to repeat it in a new session.

        Raises:
            TokenUnavailable: no session, the device failed, the queue is full, or no answer in time.
        """
        session = self._here()
        return await session.module.run(partial(session.use, work, again=again), seconds)

    def call(self, work: Callable[[Connection], _Result]) -> _Result:
        """As `run`, blocking: for the start of a program.

        Raises:
            TokenUnavailable: as `run`.
        """
        session = self._here()
        return session.module.call(partial(session.use, work))

    async def generate(self, alg: str) -> Pkcs11Signer:
        """Make a key pair for a JWS algorithm, named by its thumbprint.

        Raises:
            keys.backends.pkcs11_keys.AlgorithmUnsupported: the token cannot sign so.
            TokenUnavailable: as `run`; among it a key that would not stay inside.
        """
        jwk = await self.run(lambda connection: pkcs11_keys.generate(connection.session, alg), again=False)
        return self.signer(jwk)

    def signer(self, public_jwk: Mapping[str, str]) -> Pkcs11Signer:
        """The signer of a published key (`kid`, `alg` and its members); the token is not asked before it signs."""
        return Pkcs11Signer(public_jwk["kid"], public_jwk["alg"], dict(public_jwk), self)

    async def find(self, kid: str, alg: str) -> Pkcs11Signer:
        """The signer of a key that is in the token, proven to sign.

        Raises:
            NoSuchKey: it is not there.
            TokenUnavailable: as `run`; among it a key that is not what its name says.
        """
        jwk = await self.run(lambda connection: _find(connection, kid, alg))
        return self.signer(jwk)

    async def held(self) -> frozenset[str]:
        """The names of all keys of ours in the token, to be compared with the key log.

        A `kid`, or a label that begins with `motcua unfinished` where a process died while it made a key; `destroy`
        takes either. A key that another process is making right now looks unfinished too.

        Raises:
            TokenUnavailable: as `run`.
        """
        try:
            return await self.run(_held)
        except NoSuchKey:
            return frozenset()

    async def destroy(self, kid: str) -> bool:
        """Destroy a key for good; False if the token does not hold it.

        Raises:
            TokenUnavailable: as `run`.
        """
        try:
            await self.run(lambda connection: _destroy(connection, kid))
        except NoSuchKey:
            return False
        return True

    async def describe(self) -> TokenDescription:
        """Open the token and ask what it is.

        Raises:
            TokenUnavailable: as `run`: the sentence says what to repair.
        """
        return await self.run(_describe)

    async def close(self) -> None:
        """Log out and close the session; the next call opens a new one.

        Raises:
            TokenUnavailable: no answer in time.
        """
        session = self._here()
        await session.module.run(session.close)


@dataclass(frozen=True, slots=True)
class Pkcs11Signer:
    """A `keys.jose.Signer` whose private key is in a token."""

    kid: str
    alg: str
    _jwk: dict[str, str] = field(repr=False, compare=False)
    _token: Pkcs11Token = field(repr=False)

    def public_jwk(self) -> dict[str, str]:
        """The public key as published (RFC 7517 §4)."""
        return dict(self._jwk)

    async def sign(self, signing_input: bytes) -> bytes:
        """The signature as it stands in a JWS.

        Raises:
            TokenUnavailable: a `SignerUnavailable`: the token is away, does not have the key, or does not keep up.
        """
        work = partial(_sign, self._jwk, signing_input)
        return await self._token.run(work, seconds=ANSWER_SECONDS)


def _sign(jwk: Mapping[str, str], data: bytes, connection: Connection) -> bytes:
    private = connection.private_keys.get(jwk["kid"])
    if private is None:
        private = connection.private_keys[jwk["kid"]] = pkcs11_keys.find_private(connection.session, jwk)
    return pkcs11_keys.SIGN[jwk["alg"]](private, data)


def _find(connection: Connection, kid: str, alg: str) -> dict[str, str]:
    jwk = pkcs11_keys.find_public(connection.session, kid, alg)
    connection.private_keys[kid] = pkcs11_keys.find_private(connection.session, jwk)
    return jwk


def _held(connection: Connection) -> frozenset[str]:
    """All names.

    None at all is an error, so that it is asked again in a new session: a token that was removed may show itself as
    one without objects.
    """
    found = pkcs11_keys.held(connection.session)
    if not found:
        raise NoSuchKey(f"The token {connection.session.token.label!r} has no key of ours.")
    return found


def _destroy(connection: Connection, kid: str) -> None:
    """As `_held`, a key that is not there is asked for again."""
    connection.private_keys.pop(kid, None)
    if not pkcs11_keys.destroy(connection.session, kid):
        raise NoSuchKey(f"The token {connection.session.token.label!r} has no key {kid}.")


def _describe(connection: Connection) -> TokenDescription:
    token = connection.session.token
    return TokenDescription(
        token.label,
        token.manufacturer_id,
        token.model,
        token.serial.decode("ascii", "replace"),
        "{}.{}".format(*token.hardware_version),
        "{}.{}".format(*token.firmware_version),
        str(connection.module.path),
        pkcs11_keys.supported_algorithms(token),
    )
