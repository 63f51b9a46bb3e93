"""`penstock demo`: the main job, told and counted."""

import json
import tempfile
from pathlib import Path

from tests.acceptance.processes import Machine

PROMISED = {
    "first": {
        "pages": 3,
        "inserted": 15,
        "changed": 0,
        "unchanged": 0,
        "removed": 0,
        "paired": 0,
    },
    "second": {"pages": 3, "inserted": 0, "changed": 0, "unchanged": 15, "removed": 0},
    "third": {"inserted": 2, "paired": 1, "removed": 1},
}


def test_the_demo_does_what_it_promises(machine: Machine) -> None:
    """One JSON object with each figure of the three syncs, and every account adds up."""
    told = machine.json("demo")
    for name, figures in PROMISED.items():
        assert {figure: told[name][figure] for figure in figures} == figures
    assert told["first"]["throttled"] >= 1
    assert told["tie_out"] == "ok"
    assert told["held"] is True
    assert all(one["held"] for one in told["expectations"])


def test_the_demo_leaves_nothing_behind(machine: Machine, tmp_path: Path) -> None:
    """Its home is gone when it ends, and the person's own installation was never touched."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    untouchable = {
        "PENSTOCK_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "PENSTOCK_URL": "http://127.0.0.1:1",
        "PENSTOCK_PROFILE": "production",
        "PENSTOCK_TOKEN": "nonsense",
    }
    where = {name: str(folder) for name in ("TMPDIR", "TEMP", "TMP")}
    shown = machine.run("demo", environment=untouchable | where).stdout
    assert "15 inserted" in shown
    assert "15 unchanged" in shown
    assert "penstock connect" in shown
    assert list(folder.iterdir()) == []
    assert not machine.home.exists()
    assert tempfile.gettempdir() != str(folder)


def test_a_kept_home_can_be_read(machine: Machine, tmp_path: Path) -> None:
    """With --keep-home the ledger is there afterwards, and the same folder is not used twice."""
    kept = tmp_path / "kept"
    shown = machine.run("demo", "--keep-home", str(kept)).stdout
    assert str(kept) in shown
    assert len(machine.json("--home", str(kept), "transactions")) == 16
    assert "not empty" in machine.run("demo", "--keep-home", str(kept), code=2).stderr


def test_json_is_all_that_stdout_has(machine: Machine) -> None:
    """With --json stdout is exactly one object, and stderr is silent."""
    ran = machine.run("demo", "--json")
    _, end = json.JSONDecoder().raw_decode(ran.stdout)
    assert ran.stdout[end:].strip() == ""
    assert ran.stderr == ""
