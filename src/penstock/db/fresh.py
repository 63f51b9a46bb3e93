"""The temporary table of staged rows that are not stored yet: looked up once, then used twice.

First those are found that are known under another id (reissued.py), then the others are inserted.
"""

from typing import Final

from penstock.db.statements import Statements


def find(statements: Statements) -> int:
    """Note which staged rows are new; count them."""
    statements.make(_TABLE)
    count = statements.do(_FIND)
    if count and statements.kind == "postgresql":
        statements.do("ANALYZE fresh")
    return count


_TABLE: Final = "fresh (account_id bigint, external_id text, PRIMARY KEY (account_id, external_id))"
_FIND: Final = """
    INSERT INTO fresh (account_id, external_id) SELECT account_id, external_id FROM stage
    WHERE op = 0 AND NOT EXISTS (SELECT 1 FROM transactions t
        WHERE t.account_id = stage.account_id AND t.external_id = stage.external_id)
"""
