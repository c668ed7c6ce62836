"""The one session of this process with a token: opened when first needed, opened anew when it has gone.

Everything here happens in the thread of `Pkcs11Module`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import pkcs11
from pkcs11.constants import TokenFlag
from pkcs11.exceptions import (
    PinExpired,
    PinIncorrect,
    PinInvalid,
    PinLenRange,
    PinLocked,
    PKCS11Error,
    UserAlreadyLoggedIn,
)

from keys.backends.pkcs11_module import Pkcs11Module, TokenUnavailable, reason_of
from keys.secret_file import SecretFileUnusable, read_secret_file

RETRY_SECONDS: Final = 1.0
"""Least time between two initialisations of the library for one token. Meanwhile calls fail at once, so that requests
do not queue up behind a device that is away. The maintainers of this program may change it."""

_PIN_REFUSED: Final = (PinIncorrect, PinInvalid, PinLenRange, PinExpired, PinLocked)
_RISKY: Final = TokenFlag.USER_PIN_FINAL_TRY | TokenFlag.USER_PIN_LOCKED

_Result = TypeVar("_Result")


class NoSuchKey(TokenUnavailable):
    """The token is there, the key is not; one sentence."""


@dataclass(frozen=True, slots=True)
class Connection:
    """An open session, good for one initialisation of the library, and the private keys found in it."""

    session: pkcs11.Session
    module: Pkcs11Module
    generation: int
    private_keys: dict[str, pkcs11.SignMixin] = field(default_factory=dict)
    """By `kid`. Handles of an older session may mean other keys: they go with it."""

    @property
    def is_current(self) -> bool:
        """Whether the library can still know the session: it was not initialised since."""
        return self.generation == self.module.generation


def check_login_is_safe(flags: TokenFlag, label: str) -> None:
    """Leave the last attempt to a person: a worker that starts over and over must not lock the token.

    Raises:
        TokenUnavailable: the PIN is locked, or one more wrong PIN would lock it (PKCS #11 v2.40 §4.3, `CK_TOKEN_INFO`).
    """
    if flags & _RISKY:
        raise TokenUnavailable(
            f"The PIN of the token {label!r} is locked or one attempt before it: log in once with the vendor's tool."
        )


class TokenSession:
    """Opens a token by its label with the PIN of a file, and keeps the session; for one process."""

    def __init__(self, module: Pkcs11Module, label: str, pin_file: Path, clock: Callable[[], float]) -> None:
        self.module = module
        self.label = label
        self._pin_file = pin_file
        self._clock = clock
        self._connection: Connection | None = None
        self._failed_in = 0
        self._failure = ""
        self._not_before = float("-inf")
        self._refused_pin = b""

    def use(self, work: Callable[[Connection], _Result], *, again: bool = True) -> _Result:
        """Do `work` with the session, once more with a new one if the old one has gone and `again` allows it.

        Raises:
            NoSuchKey: `work` did not find its key, in a new session neither.
            TokenUnavailable: no session, or `work` failed.
        """
        connection = self._connection
        if connection is not None and connection.is_current:
            try:
                return work(connection)
            except (PKCS11Error, NoSuchKey) as error:
                # A token that was removed may show itself as one without objects.
                if not again or self._clock() < self._not_before:
                    raise self._failed(connection, error) from error
                self._failed_in = self.module.generation
        connection = self._connect()
        try:
            return work(connection)
        except (PKCS11Error, NoSuchKey) as error:
            raise self._failed(connection, error) from error

    def close(self) -> None:
        """Log out and close the session, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.is_current:
            try:
                connection.session.close()
            except PKCS11Error:
                self._failed_in = self.module.generation
                self._failure = f"The session with the token {self.label!r} had gone."

    def _failed(self, connection: Connection, error: PKCS11Error | NoSuchKey) -> TokenUnavailable:
        if isinstance(error, NoSuchKey):
            return error
        # After an unnamed failure an operation may still be open in the session: it is not used again.
        self._connection, self._failed_in = None, connection.generation
        self._failure = f"The token {self.label!r} does not work now: {reason_of(error)}."
        return TokenUnavailable(self._failure)

    def _connect(self) -> Connection:
        self._connection = None
        pin = self._read_pin()
        try:
            if self.module.generation in (0, self._failed_in):
                self._initialise()
            session = self._open(self._find_token(), pin)
        except TokenUnavailable as error:
            self._failed_in, self._failure = self.module.generation, str(error)
            raise
        self._connection = Connection(session, self.module, self.module.generation)
        return self._connection

    def _initialise(self) -> None:
        now = self._clock()
        if now < self._not_before:
            raise TokenUnavailable(self._failure)
        self._not_before = now + RETRY_SECONDS
        self.module.initialise()

    def _read_pin(self) -> str:
        try:
            pin = read_secret_file(self._pin_file, "The PIN file").decode("utf-8").strip("\r\n")
        except SecretFileUnusable as error:
            raise TokenUnavailable(str(error)) from error
        except UnicodeDecodeError:
            pin = ""
        if not pin or "\n" in pin:
            raise TokenUnavailable(f"The PIN file {self._pin_file} does not hold one line of text.")
        if _digest(pin) == self._refused_pin:
            raise TokenUnavailable(self._failure)  # each attempt brings the token nearer to locking
        return pin

    def _find_token(self) -> pkcs11.Token:
        tokens = [token for token in self.module.tokens() if token.flags & TokenFlag.TOKEN_INITIALIZED]
        fitting = [token for token in tokens if token.label == self.label]
        if len(fitting) == 1:
            return fitting[0]
        where = f"The PKCS #11 module {self.module.path} has"
        if fitting:
            raise TokenUnavailable(f"{where} {len(fitting)} tokens with the label {self.label!r}.")
        labels = ", ".join(sorted(repr(token.label) for token in tokens)) or "none"
        raise TokenUnavailable(f"{where} no token with the label {self.label!r}; there are: {labels}.")

    def _open(self, token: pkcs11.Token, pin: str) -> pkcs11.Session:
        check_login_is_safe(token.flags, self.label)
        try:
            return _log_in(token, pin)
        except _PIN_REFUSED as error:
            self._refused_pin = _digest(pin)
            raise TokenUnavailable(
                f"The token {self.label!r} refuses the PIN in {self._pin_file}: {reason_of(error)}."
            ) from None
        except PKCS11Error as error:
            raise TokenUnavailable(
                f"The token {self.label!r} cannot be opened: {reason_of(error)}."
            ) from error


def _log_in(token: pkcs11.Token, pin: str) -> pkcs11.Session:
    try:
        return token.open(rw=True, user_pin=pin)
    except UserAlreadyLoggedIn:
        return token.open(rw=True)  # a login counts for the whole process (PKCS #11 v2.40 §5.6 `C_Login`)


def _digest(pin: str) -> bytes:
    return hashlib.sha256(pin.encode()).digest()
