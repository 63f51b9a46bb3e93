"""What hangs on which key, counted: the proof that an old one is not used any more (K2)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from penstock.db import sealed, sealing_keys, vault_check


@dataclass(frozen=True, slots=True)
class KeysSeen:
    """Which master keys open the database, and how much is sealed by what.

    `wraps` counts data keys by the master key that opens them, `behind` the secrets that are not
    under the present data key of their owner.
    """

    master_id: str
    others: Mapping[str, str]
    wraps: Mapping[str, int]
    data_keys: int
    retired: int
    secrets: int
    behind: int

    def as_json(self) -> dict[str, Any]:
        """Return it as it is printed."""
        return asdict(self)


def seen(connection: sa.Connection, master_id: str) -> KeysSeen:
    """Count what hangs on the keys of an installation whose master key is this one."""
    states = vault_check.states(connection)
    states.pop(master_id, None)
    retired = {f"v2.{row.id}" for row in sealing_keys.retired(connection)}
    texts = sealed.by_key(connection)
    behind = sum(n for name, n in texts.items() if name in retired or name.startswith("v1."))
    return KeysSeen(
        master_id=master_id,
        others=states,
        wraps=sealing_keys.wraps_by_master(connection),
        data_keys=sealing_keys.count(connection) - len(retired),
        retired=len(retired),
        secrets=sum(texts.values()),
        behind=behind,
    )
