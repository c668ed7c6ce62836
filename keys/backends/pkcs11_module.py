"""A PKCS #11 library in this process: one thread that alone calls it, and a bounded queue in front of it.

python-pkcs11 initialises a library without asking it for locks (PKCS #11 v2.40 §5.4, `C_Initialize` without
arguments), so that two threads in it at once may spin for ever. A library counts as one for the whole process, however
many tokens of it are used; hence `Pkcs11Module.of` and not a constructor.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pkcs11
from pkcs11.exceptions import PKCS11Error

from keys.jose import SignerUnavailable

if TYPE_CHECKING:
    from pkcs11._pkcs11 import lib

MOST_WAITING: Final = 1024
"""Calls that may wait for the thread; more are refused at once. With 1,700 RSA signatures a second (SoftHSM) the last
of them is answered in 0.6 s. The maintainers of this program may change it."""

ANSWER_SECONDS: Final = 5.0
"""How long a signature may take, the queue included; a portal has given up by then."""

LONG_ANSWER_SECONDS: Final = 60.0
"""How long the making of a key may take: RSA keys need seconds in small devices."""

_Result = TypeVar("_Result")


class TokenUnavailable(SignerUnavailable):
    """The hardware module, its token or the way to it is not usable; one sentence for the operator, without the PIN."""


def reason_of(error: PKCS11Error) -> str:
    """What the library says: the return code by its name, or the text of an error that has no name."""
    return str(error) or type(error).__name__


class Pkcs11Module:
    """One loaded library and the thread that calls it; every call below `run` and `call` happens in that thread."""

    def __init__(self, path: Path, *, inherited: bool) -> None:
        """Use `of` instead; `inherited` says that the process we were forked from had used the library."""
        self.path = path
        self.generation = 0
        """Grows with each initialisation: handles from before it mean nothing, or something else."""
        self._inherited = inherited
        self.pid = os.getpid()
        self._library: lib | None = None
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._room = threading.BoundedSemaphore(MOST_WAITING)
        self._starting = threading.Lock()
        self._started = False

    @classmethod
    def of(cls, path: Path) -> Pkcs11Module:
        """The module of this process for the library at a resolved path; a forked child gets one of its own.

        Loads nothing yet.
        """
        with _ASKING:
            module = _MODULES.get(path)
            if module is None or module.pid != os.getpid():
                module = _MODULES[path] = cls(path, inherited=module is not None)
            return module

    def submit(self, work: Callable[[], _Result]) -> Future[_Result]:
        """Put a call into the queue.

        Raises:
            TokenUnavailable: the queue is full.
        """
        if not self._room.acquire(blocking=False):
            raise TokenUnavailable(f"The PKCS #11 module {self.path} does not keep up: its queue is full.")
        future: Future[_Result] = Future()
        self._jobs.put((future, work))
        if not self._started:
            self._start()
        return future

    async def run(self, work: Callable[[], _Result], seconds: float = ANSWER_SECONDS) -> _Result:
        """Do `work` in the thread and wait for it without blocking the loop.

        Raises:
            TokenUnavailable: the queue is full, or no answer came in time; then `work` is not begun any more.
        """
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(self.submit(work))
        except TimeoutError as error:
            raise self._silent(seconds) from error

    def call(self, work: Callable[[], _Result], seconds: float = LONG_ANSWER_SECONDS) -> _Result:
        """As `run`, blocking: for the start of a program.

        Raises:
            TokenUnavailable: as `run`.
        """
        future = self.submit(work)
        try:
            return future.result(seconds)
        except TimeoutError as error:
            future.cancel()
            raise self._silent(seconds) from error

    def _silent(self, seconds: float) -> TokenUnavailable:
        return TokenUnavailable(
            f"The PKCS #11 module {self.path} has not answered within {seconds:g} seconds."
        )

    def _start(self) -> None:
        with self._starting:
            if not self._started:
                # A daemon: a device that hangs must not keep the program from ending.
                threading.Thread(target=self._serve, name=f"pkcs11 {self.path.name}", daemon=True).start()
                self._started = True

    def _serve(self) -> None:
        while True:
            future, work = self._jobs.get()
            self._room.release()
            if not future.set_running_or_notify_cancel():
                continue  # nobody waits for it any more
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - it belongs to the one who waits
                future.set_exception(error)
            del future, work

    def initialise(self) -> None:
        """In the thread: load the library, or let it begin anew, so that it sees which tokens are there now.

        Raises:
            TokenUnavailable: it cannot be loaded, or refuses.
        """
        self.generation += 1
        try:
            if self._library is None:
                self._library = pkcs11.lib(str(self.path))
                if not self._inherited:
                    return
            _finalise(self._library)
            self._library.initialize()
        except PKCS11Error as error:
            raise TokenUnavailable(
                f"The PKCS #11 module {self.path} cannot be used: {reason_of(error)}."
            ) from error

    def tokens(self) -> Iterator[pkcs11.Token]:
        """In the thread: the tokens that are there and readable.

        Raises:
            TokenUnavailable: the library does not list its slots.
        """
        if self._library is None:
            raise TokenUnavailable(f"The PKCS #11 module {self.path} has not been loaded.")
        try:
            slots = self._library.get_slots(token_present=True)
        except PKCS11Error as error:
            raise TokenUnavailable(
                f"The PKCS #11 module {self.path} does not list its slots: {reason_of(error)}."
            ) from error
        for slot in slots:
            try:
                yield slot.get_token()
            except PKCS11Error:
                continue  # another slot's trouble is not ours


def _finalise(library: lib) -> None:
    try:
        library.finalize()
    except PKCS11Error:
        return  # it was not initialised, or has lost its device: what counts is the next initialisation


_MODULES: Final[dict[Path, Pkcs11Module]] = {}
_ASKING: Final = threading.Lock()
