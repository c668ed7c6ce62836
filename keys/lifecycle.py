"""The life of keys: what follows from a change that officers approved, and from time passing.

A `Plan` collects entries for the key log and the statements that bring the rows of `signing_keys` with them. It writes
nothing: the caller keeps the statements in one write, each required, with what else belongs to it. So either all of a
change happens or nothing does, and of two processes that plan at once one wins: the other finds its place in the log
taken. Every entry goes through `keys.history` first; what a reader would refuse cannot be planned.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, assert_never

import orjson

from keys import policy, store
from keys.actions import Action, Activate, Export, Generate, Officers, Publish, Retire, Revoke, Rotation
from keys.backends.certified import certify
from keys.backends.software import SoftwareSigner
from keys.changes import Approval, Change
from keys.documents import canonical
from keys.encryption import KEY_TYPES as ENCRYPTION_TYPES
from keys.encryption import DecryptionKey
from keys.ground import Ground, HardwareMissing, note_signer, open_secret, seal_secret
from keys.history import NOBODY, History, InvalidHistory, KeyRecord, is_over
from keys.key_log import KeyLog
from keys.key_record import why_wait
from keys.notes import NoteSigner
from keys.policy import Purpose, SecretPurpose, State
from keys.seal import KeyEncryptionKey
from keys.store import Statement, StoredKey, StoredSecret

if TYPE_CHECKING:
    from keys.backends.pkcs11 import Pkcs11Token  # its library is loaded where a module is configured only

_SECRET_OCTETS: Final = 32
_SIGNS_YET: Final = frozenset({State.PENDING, State.ACTIVE})
_ENDS_AT_ONCE: Final = frozenset({State.RETIRED, State.REVOKED})


class Plan:
    """What shall happen to keys, in order. `at` is the time of all of it, in epoch seconds.

    Time never runs backwards in the log: where this machine's clock is behind the last entry, `at` is that entry's.
    """

    def __init__(
        self, ground: Ground, kek: KeyEncryptionKey, now: int, hardware: Pkcs11Token | None = None
    ) -> None:
        self._ground = ground
        self._kek = kek = ground.in_use(kek)
        self._hardware = hardware
        self.at = max(now, ground.history.last_at)
        self.history: History = ground.history
        self.entries: list[bytes] = []
        self.events: list[Mapping[str, str]] = []
        """What happened to which key, for the audit: `event` and `kid`."""
        self.made_in_hardware: list[str] = []
        """Keys that are in the module already; if the plan is not kept, they are to be destroyed there."""
        self._rows: list[Statement] = []
        self._secrets: list[StoredSecret] = [
            seal_secret(purpose, secrets.token_bytes(_SECRET_OCTETS), kek)
            for purpose in SecretPurpose
            if ground.log is None and purpose not in {secret.purpose for secret in ground.secrets}
        ]
        self._sound = {key.kid for key in ground.keys}
        """Keys whose rows are what the log says; another one cannot sign, whatever the log allows it."""
        self._cleared: set[str] = set()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to be kept."""
        return not self.entries and not self._rows

    @property
    def new_secrets(self) -> tuple[SecretPurpose, ...]:
        """The secrets that are made with it."""
        return tuple(secret.purpose for secret in self._secrets)

    @property
    def gone_from_hardware(self) -> list[str]:
        """Keys in the module that are to be destroyed there as soon as this is kept.

        Not those that another replaces: a worker that has not heard of it signs with them for some seconds yet
        (`keys.history.History.useless_in_hardware`).
        """
        before = self._ground.history.keys
        return [
            kid
            for kid, key in self.history.keys.items()
            if key.backend == "pkcs11" and key.state in _ENDS_AT_ONCE and kid in before
            if before[kid].state in _SIGNS_YET
        ]

    def statements(self) -> tuple[Statement, ...]:
        """All of it, for one write."""
        start = self._ground.history.size
        log = KeyLog.signed((*self._ground.entries, *self.entries), self._signer())
        last = len(self.entries) - 1
        return (
            *self._ground.sealed_as_read(),
            *(store.add_secret(secret, self.at) for secret in self._secrets),
            *(
                store.append_entry(start + number, entry, log.checkpoint if number == last else None)
                for number, entry in enumerate(self.entries)
            ),
            *self._rows,
        )

    def _signer(self) -> NoteSigner:
        if self._ground.note_signer is not None:
            return self._ground.note_signer
        fresh = next(secret for secret in self._secrets if secret.purpose is SecretPurpose.KEY_LOG)
        return note_signer(open_secret(fresh, self._kek), self._ground.issuer)

    def _add(self, kind: str, **members: object) -> None:
        entry = canonical({"type": kind, "at": self.at, **members})
        try:
            self.history = self.history.after(entry)
        except InvalidHistory as error:  # who asks for it need not know at which entry
            raise InvalidHistory(f"This is not allowed: {error.why}", error.why) from error
        self.entries.append(entry)
        if "kid" in members:
            self.events.append({"event": kind, "kid": str(members["kid"])})

    async def carry_out(self, change: Change, approvals: Iterable[Approval], *, proposed: bool) -> None:
        """Do what a change says; `proposed` if it stands in `key_changes` already.

        Raises:
            keys.history.InvalidHistory: too few officers have signed it, it was carried out before, its time is over,
                or the state of the keys does not allow it.
            HardwareMissing, SignerUnavailable: a key cannot be made.
        """
        if not self.entries and change.made_at <= self.at + policy.CLOCK_DIFFERENCE:
            self.at = max(self.at, change.made_at)
        self._add(
            "change",
            change=change.document(),
            approvals=[approval.document() for approval in approvals],
        )
        change_id = change.change_id
        self._rows.append(
            store.apply_change(change_id, self.at)
            if proposed
            else store.add_change(
                change_id, canonical(change.document()), self.at, change.expires_at, applied=True
            )
        )
        for action in change.actions:
            await self._act(action, change_id)

    async def _act(self, action: Action, by: str) -> None:
        match action:
            case Generate():
                kid = await self._generate(action.purpose, action.alg, action.backend, by)
                if action.publish:
                    self._publish(kid, by)
            case Publish():
                self._publish(action.kid, by)
            case Activate():
                self._activate(action.kid, by)
            case Retire():
                self._retire(action.kid, by)
            case Revoke():
                await self._revoke(action.kid, by)
            case Rotation() | Officers() | Export():
                pass  # the change itself says it all
            case _:  # an action that officers have signed is never passed over
                assert_never(action)

    async def rotate(self) -> None:
        """Do what the standing approval of rotation demands at this time; nothing without one or outside of it.

        Raises:
            HardwareMissing, SignerUnavailable: a key cannot be made.
        """
        rotation = self.history.rotation
        if rotation is None or self.at >= rotation.until:
            return
        covered = [(purpose, alg) for purpose, algorithms in rotation.keys.items() for alg in algorithms]
        for kind in covered:
            if store.is_known(*kind):
                await self._rotate_kind(kind, rotation)
        for key in tuple(self.history.keys.values()):
            over = self.at >= (key.retiring_at or self.at) + rotation.retiring_lifetime
            if key.state is State.RETIRING and over and key.kind in covered:
                self._retire(key.kid, self.history.rotation_id)

    async def _rotate_kind(self, kind: tuple[str, str], rotation: Rotation) -> None:
        """Activate what is due, then see to it that a published successor waits: for the day, and for an emergency."""
        by = self.history.rotation_id
        for useless in [key for key in self.history.waiting(kind) if is_over(key, self.at)]:
            self._retire(useless.kid, by)
        if not self.history.waiting(kind):
            await self._generate(*kind, rotation.backend_of(kind), by)
        successor = self._fit_successor(kind)
        if successor is None:
            return  # its row is gone or was edited, as `Ground.refused` says; what is active goes on signing
        if successor.published_at is None:
            self._publish(successor.kid, by)
        successor = self.history.keys[successor.kid]
        if not why_wait(successor, self.history.active(kind), rotation, self.at):
            self._activate(successor.kid, by)
            await self._rotate_kind(kind, rotation)

    def _fit_successor(self, kind: tuple[str, str]) -> KeyRecord | None:
        """The next key that would sign, and can: its row is what the log says, its certificate is not over."""
        fit = (key for key in self.history.waiting(kind) if key.kid in self._sound)
        return next((key for key in fit if not is_over(key, self.at)), None)

    async def _generate(self, purpose: str, alg: str, backend: str, by: str) -> str:
        if not store.is_known(purpose, alg):
            raise InvalidHistory(f"This version makes no keys for {purpose} with {alg}.")
        jwk, sealed = await self._make(Purpose(purpose), alg, backend)
        certificate = (
            {"certificate": await self._certify(jwk, purpose)} if backend == policy.CERTIFIED else {}
        )
        self._add(
            "generated",
            kid=jwk["kid"],
            purpose=purpose,
            alg=alg,
            jwk=jwk,
            backend=backend,
            by=by,
            **certificate,
        )
        text = orjson.dumps(jwk).decode()
        key = StoredKey(jwk["kid"], Purpose(purpose), alg, State.PENDING, text, sealed, self.at, backend)
        self._rows.append(store.add_key(key, self.at))
        self._sound.add(key.kid)
        return key.kid

    async def _make(self, purpose: Purpose, alg: str, backend: str) -> tuple[dict[str, str], bytes | None]:
        """A new key: its public half, and its private half under seal unless it lives in hardware."""
        if backend == "pkcs11":
            jwk = (await self._module().generate(alg)).public_jwk()
            self.made_in_hardware.append(jwk["kid"])
            return jwk, None
        made = await asyncio.to_thread(_generate_in_memory, alg)
        sealed = self._kek.seal(made.to_pkcs8(), purpose=purpose.value, name=made.kid)
        return made.public_jwk(), sealed

    async def _certify(self, jwk: Mapping[str, str], purpose: str) -> str:
        rotation = self.history.rotation
        if rotation is None or rotation.certifier is None:
            raise HardwareMissing("No key of a hardware module is approved to certify others.")
        certifier = self._module().signer(rotation.certifier)
        until = self.at + policy.CERTIFICATE_LIFETIME
        return await certify(certifier, jwk, Purpose(purpose), self.at, until)

    def _module(self) -> Pkcs11Token:
        if self._hardware is None:
            raise HardwareMissing("A key shall come from a hardware module: set IDP_PKCS11_MODULE.")
        return self._hardware

    def _publish(self, kid: str, by: str) -> None:
        self._add("published", kid=kid, by=by)
        self._check_sound(kid)
        self._rows.append(store.publish(kid, self.at))

    def _activate(self, kid: str, by: str) -> None:
        key = self.history.keys.get(kid)
        before = None if key is None else self.history.active(key.kind)
        self._add("activated", kid=kid, replaces=before.kid if before else NOBODY, by=by)
        self._check_sound(kid)
        if before is not None:
            self._rows.append(self._end(before.kid, store.stop(before.kid, before.purpose, self.at)))
        self._clear_the_way(self.history.keys[kid])
        self._rows.append(store.activate(kid, self.at))

    def _clear_the_way(self, key: KeyRecord) -> None:
        """A row that was put there by hand as the active one of the kind hinders no other: it is noted as revoked."""
        for row in self._ground.refused_rows:
            stands = row.state is State.ACTIVE and (row.purpose.value, row.algorithm) == key.kind
            if stands and row.kid not in self._cleared:
                self._cleared.add(row.kid)
                self._rows.append(store.revoke(row.kid, self.at))

    def _check_sound(self, kid: str) -> None:
        if kid not in self._sound:
            raise InvalidHistory(
                f"The row of key {kid} is gone or was edited: revoke the key, for it cannot sign."
            )

    def _retire(self, kid: str, by: str) -> None:
        self._add("retired", kid=kid, by=by)
        self._rows.append(self._end(kid, store.retire(kid, self.at)))

    def _end(self, kid: str, statement: Statement) -> Statement:
        """The end of a key is noted even if its row was deleted or edited: nobody shall hinder a revocation so."""
        if kid in self._sound:
            return statement
        self._cleared.add(kid)
        return store.restore(self.history.keys[kid])

    async def _revoke(self, kid: str, by: str) -> None:
        """The key goes, and where it was signing its successor signs at once: the one that portals have fetched."""
        key = self.history.keys.get(kid)
        self._add("revoked", kid=kid, by=by)
        self._rows.append(self._end(kid, store.revoke(kid, self.at)))
        if key is None or key.state is not State.ACTIVE:
            return
        fit = self._fit_successor(key.kind)
        successor = fit.kid if fit is not None else await self._generate(*key.kind, self._backend_of(key), by)
        if self.history.keys[successor].published_at is None:
            self._publish(successor, by)
        self._activate(successor, by)

    def _backend_of(self, key: KeyRecord) -> str:
        """Where a stand-in is made: as officers approved last, for what the key lived in may be what was lost."""
        rotation = self.history.rotation
        if rotation is None or key.alg not in rotation.keys.get(key.purpose, ()):
            return key.backend
        return rotation.backend_of(key.kind)


def _generate_in_memory(alg: str) -> SoftwareSigner | DecryptionKey:
    return DecryptionKey.generate(alg) if alg in ENCRYPTION_TYPES else SoftwareSigner.generate(alg)
