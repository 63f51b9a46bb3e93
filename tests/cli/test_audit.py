"""penstock audit: the list, and the proof."""

from contextlib import closing
from pathlib import Path

from penstock.db.audit import audit
from penstock.db.connect import open_database
from tests.cli.conftest import Terminal, in_front_of
from tests.security.tampering import execute, without_guards

SEALED = {"PENSTOCK_BACKUP_PASSPHRASE": "gate mill lever autumn stone"}


def test_deeds_are_listed_and_proved(linked_ada: Terminal, tmp_path: Path) -> None:
    """X3: what was done is listed; a whole log ends with 0, one that was changed with 1."""
    kinds = [row["kind"] for row in linked_ada.json("audit", "list")]
    assert {"person_added", "signed_in", "connection_linked"} <= set(kinds)
    assert "signed_in" in linked_ada.good("audit", "list", "--limit", "500").stdout
    found = linked_ada.json("audit", "verify")
    assert (found["ok"], found["records"]) == (True, len(kinds))
    assert "Whole" in linked_ada.good("audit", "verify", "--head", found["head"]).stdout

    file = tmp_path / "backup"
    linked_ada.good("backup", str(file), "--with-key", **SEALED)
    new = in_front_of(tmp_path / "new")
    new.good("restore", str(file), **SEALED)
    told = new.json("audit", "verify", "--head", found["head"])
    assert (told["ok"], told["records"]) == (True, len(kinds) + 2)  # backed up, restored

    with closing(open_database(f"sqlite:///{linked_ada.home / 'penstock.db'}")) as database:
        database.write_now(without_guards)
        database.write_now(execute, audit.update().where(audit.c.number == 2).values(user_id=99))
    ended = linked_ada.run("audit", "verify")
    assert ended.exit_code == 1
    assert "Broken at record 2" in ended.stderr
