"""The data keys of this process: each unwrapped once, and made when it is first needed (K1).

A secret is sealed under the data key of whoever it belongs to, which only the master key opens.
Unwrapped ones stay in memory, the latest few thousand, so that a master key which is far away is
asked once for each, and a process goes on when it cannot be reached.
"""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeVar

import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from penstock.db import sealing_keys, vault_check
from penstock.db.lane import Database
from penstock.db.sealing_keys import SEAL, DataKeyRow
from penstock.domain.clock import Clock
from penstock.domain.errors import InvalidInput, KeyWrong
from penstock.domain.remedy import fix_code
from penstock.vault.cipher import Place, broken, missing
from penstock.vault.key import KEY_BYTES, Key
from penstock.vault.source import Context, KeySource

R = TypeVar("R")

INSTALLATION: Final = "installation"
LOOK_AGAIN_AFTER: Final = 5.0
"""Seconds for which a process does not ask which data key is the present one."""
_PERSON: Final = "user:"
_AT_MOST: Final = 4096


def owner_number(owner: str) -> int | None:
    """Return whose a place is: a person's number, None for the installation's own."""
    if owner == INSTALLATION:
        return None
    if not owner.startswith(_PERSON):
        raise InvalidInput(f"A secret belongs to a person or to the installation, not to {owner}.")
    return int(owner.removeprefix(_PERSON))


def owner_name(owner_id: int | None) -> str:
    """Return an owner as places name it."""
    return INSTALLATION if owner_id is None else f"{_PERSON}{owner_id}"


def context_of(row: DataKeyRow) -> Context:
    """Return what a data key's wrapped text is bound to."""
    return {"penstock": row.purpose, "owner": owner_name(row.owner_id), "key": row.id}


def new_row(owner_id: int | None, purpose: str, clock: Clock) -> DataKeyRow:
    """Return a data key that is not wrapped yet."""
    return DataKeyRow(secrets.token_hex(8), owner_id, purpose, clock(), None, {})


def wrapped_by(row: DataKeyRow, source: KeySource, raw: bytes) -> DataKeyRow:
    """Return the data key with its bytes wrapped by a source. Raises VaultError."""
    wraps = {**row.wraps, source.id: source.wrap(raw, context_of(row))}
    return DataKeyRow(row.id, row.owner_id, row.purpose, row.created_at, row.retired_at, wraps)


class DataKeys:
    """Finds, unwraps and makes data keys.

    Given a connection, it does all within the transaction that is open there.

    `source` is the master key, and `look` finds the one that is in force now: it is asked where
    ours opens a data key no more, for master keys change while we run. `root` opens what was sealed
    before there were data keys, where it is that master key.
    """

    def __init__(
        self,
        database: Database | sa.Connection,
        root: Key,
        look: Callable[[], KeySource],
        source: KeySource,
        clock: Clock,
        *,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lanes = database
        self._old = (f"v1.{root.id}", AESGCM(root.derive("seal")))
        self._look = look
        self._source = source
        self._clock = clock
        self._timer = timer
        self._lock = threading.Lock()
        self._boxes: OrderedDict[str, tuple[int | None, AESGCM]] = OrderedDict()
        self._present: OrderedDict[str, tuple[str, float]] = OrderedDict()

    @property
    def source(self) -> KeySource:
        """The master key as it was last found."""
        return self._source

    def present(self, owner: str) -> tuple[str, AESGCM]:
        """Return the data key that seals for an owner, a new one where there is none yet."""
        with self._lock:
            key_id, until = self._present.get(owner, ("", 0.0))
            kept = self._boxes.get(key_id)
        if kept is not None and self._timer() < until:
            return f"v2.{key_id}", kept[1]
        looked_at = self._timer()
        row = self._ask(sealing_keys.present, owner_number(owner)) or self._make(owner)
        if not self._may_fail:
            with self._lock:
                _keep(self._present, owner, (row.id, looked_at + LOOK_AGAIN_AFTER))
        return f"v2.{row.id}", self._opened(row)

    def named(self, name: str, at: Place) -> AESGCM:
        """Return a data key by its name, if it is of that place's owner. Raises KeyMissing."""
        if name == self._old[0]:
            return self._old[1]
        form, _, key_id = name.partition(".")
        owner_id = owner_number(at.owner)
        with self._lock:
            kept = self._boxes.get(key_id)
        if kept is None and form == "v2":
            row = self._ask(sealing_keys.find, key_id)
            kept = (row.owner_id, self._opened(row)) if row and row.purpose == SEAL else None
        if kept is None:
            raise missing(name, at)
        if kept[0] != owner_id:
            raise broken(at)
        return kept[1]

    def look_again(self) -> None:
        """Ask anew which data keys are the present ones."""
        with self._lock:
            self._present.clear()

    def raw(self, row: DataKeyRow) -> bytes:
        """Return a data key's bytes. Raises VaultError."""
        if self._source.id not in row.wraps:
            self._source = self._look()
        if self._source.id not in row.wraps:
            row = self._ask(sealing_keys.find, row.id) or row  # it may be wrapped anew by now
        if self._source.id not in row.wraps:
            raise KeyWrong(
                f"The data key {row.id} is not wrapped by the master key {self._source.id}, which "
                "this process has.",
                remedy=fix_code("Start it again with the master key that is in force now."),
            )
        return self._source.unwrap(row.wraps[self._source.id], context_of(row))

    def make(self, connection: sa.Connection, owner_id: int | None) -> DataKeyRow:
        """Make a data key for an owner who has none, or find the one that was just made."""
        if not vault_check.wraps(connection, self._source.id):
            self._source = self._look()
            if not vault_check.wraps(connection, self._source.id):
                raise KeyWrong(
                    f"The master key {self._source.id} is not in force any more.",
                    remedy=fix_code("Start this process again with the one that is."),
                )
        raw = secrets.token_bytes(KEY_BYTES)
        row = wrapped_by(new_row(owner_id, SEAL, self._clock), self._source, raw)
        if sealing_keys.create(connection, row):
            self._remember(row, raw)
            return row
        there = sealing_keys.present(connection, owner_id)
        if there is None:  # it was made and retired in between: once more
            return self.make(connection, owner_id)
        return there

    def _make(self, owner: str) -> DataKeyRow:
        lanes, owner_id = self._lanes, owner_number(owner)
        if isinstance(lanes, sa.Connection):
            return self.make(lanes, owner_id)
        if lanes.writing is not None:
            return self.make(lanes.writing, owner_id)
        return lanes.write_now(self.make, owner_id)

    def _ask(
        self, work: Callable[[sa.Connection, R], DataKeyRow | None], what: R
    ) -> DataKeyRow | None:
        lanes = self._lanes
        if isinstance(lanes, sa.Connection):
            return work(lanes, what)
        if lanes.writing is not None:  # who began that transaction cannot wait for another
            return work(lanes.writing, what)
        return lanes.read_now(work, what)

    @property
    def _may_fail(self) -> bool:
        """Whether what is read now may never be committed."""
        return isinstance(self._lanes, sa.Connection) or self._lanes.writing is not None

    def _opened(self, row: DataKeyRow) -> AESGCM:
        with self._lock:
            kept = self._boxes.get(row.id)
        return kept[1] if kept is not None else self._remember(row, self.raw(row))

    def _remember(self, row: DataKeyRow, raw: bytes) -> AESGCM:
        if len(raw) != KEY_BYTES:
            raise KeyWrong(f"The data key {row.id} has not {KEY_BYTES} bytes.")
        box = AESGCM(raw)
        with self._lock:
            _keep(self._boxes, row.id, (row.owner_id, box))
        return box

    def __repr__(self) -> str:
        return f"DataKeys({self._source.id}, ***)"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("Data keys are not pickled.")


V = TypeVar("V")


def _keep(kept: OrderedDict[str, V], name: str, value: V) -> None:
    kept[name] = value
    kept.move_to_end(name)
    while len(kept) > _AT_MOST:
        kept.popitem(last=False)
