"""The temporary table of staged rows that are not stored yet, found where all are compared.

First those are found that are known under another id (reissued.py), then the others are inserted.
"""

from typing import Final

from penstock.db import touch
from penstock.db.staging import SEEN
from penstock.db.statements import Statements

_COMPARED: Final = SEEN[1:]
DIFFERS: Final = f"""
    (t.removed_at IS NOT NULL OR ({", ".join(f"t.{name}" for name in _COMPARED)})
        {{differ}} ({", ".join(f"s.{name}" for name in _COMPARED)}))
"""
"""Whether a stored row `t` says something else than the staged `s`, or was taken back."""


def find(statements: Statements) -> tuple[int, int]:
    """Note which staged rows are new, and in `touched` which stored ones differ; count both."""
    statements.make(_TABLE)
    found = statements.do(_FIND)
    changed = touch.found(statements, _STORED)
    if changed:
        statements.do("DELETE FROM fresh WHERE id IS NOT NULL")
    new = found - changed
    if new and statements.kind == "postgresql":
        statements.do("ANALYZE fresh")
    return new, changed


_TABLE: Final = """fresh (account_id bigint, external_id text, id bigint,
    PRIMARY KEY (account_id, external_id))"""
_FIND: Final = f"""
    INSERT INTO fresh (account_id, external_id, id)
    SELECT s.account_id, s.external_id, t.id FROM stage s LEFT JOIN transactions t
        ON t.account_id = s.account_id AND t.external_id = s.external_id
    WHERE s.op = 0 AND (t.id IS NULL OR {DIFFERS})
"""
_STORED: Final = "SELECT id FROM fresh WHERE id IS NOT NULL"
