"""Files of banks from the command line: shown, tried, imported, explained and taken back."""

from pathlib import Path

import pytest

from tests.cli.conftest import Terminal
from tests.files.samples import ROWS, ofx
from tests.files.writing import MAPPING, as_csv, as_qif


def test_a_file_is_tried_imported_and_taken_back(ada: Terminal, tmp_path: Path) -> None:
    """The dry run says the counts of the real one; it stands among the syncs, and is undone."""
    file = tmp_path / "november.ofx"
    file.write_bytes(ofx())
    shown = ada.good("import", str(file), "--preview").stderr
    assert "4 rows" in shown
    assert "COFFEE HOUSE" in shown
    would = ada.good("import", str(file), "--dry-run").stderr
    assert "4 inserted, 0 unchanged, 0 linked" in would
    assert ada.json("accounts") == []
    did = ada.good("import", str(file)).stderr
    assert "4 inserted, 0 unchanged, 0 linked" in did
    again = ada.good("import", str(file)).stderr
    assert "0 inserted, 4 unchanged" in again
    assert "penstock undo" in did
    assert "penstock undo" not in again
    assert len(ada.json("transactions")) == 4
    assert "imported" in ada.good("connections").stdout
    assert "is not fresh" not in ada.good("accounts").stderr
    run = next(row for row in ada.json("syncs") if row["counts"]["inserted"])
    assert (run["trigger"], run["outcome"]) == ("import", "done")
    assert ada.json("undo", run["id"], "--yes")["deleted"] == 4
    assert ada.json("transactions") == []
    refused = ada.run("sync", ada.json("connections")[0]["id"])
    assert refused.exit_code == 1
    assert "made of files" in refused.stderr


def test_files_are_no_bank_that_is_behind(linked_ada: Terminal, tmp_path: Path) -> None:
    """`penstock sync` asks the banks alone, and ends with 0 beside what was imported."""
    file = tmp_path / "november.ofx"
    file.write_bytes(ofx())
    linked_ada.good("import", str(file))
    result = linked_ada.good("sync")
    assert "was not synced" not in result.stderr
    assert [row["connector"] for row in linked_ada.json("sync")["connections"]] == ["sandbox"]


def test_an_older_import_is_not_undone(ada: Terminal, tmp_path: Path) -> None:
    """One that changed nothing is refused, and no bank is offered, for there is none."""
    file = tmp_path / "november.ofx"
    file.write_bytes(ofx())
    ada.good("import", str(file))
    ada.good("import", str(file))
    refused = ada.run("undo", ada.json("syncs")[0]["id"], "--yes")
    assert refused.exit_code == 1
    assert "penstock syncs --connection" in refused.stderr
    assert "--from-start" not in refused.stderr


def test_the_settings_of_a_mapping_are_explained(ada: Terminal) -> None:
    """Each on a line of its own, as it is typed; what is not written as one is said."""
    shown = ada.good("mappings", "set", "--help").stdout
    assert "\n  decimal=point|comma\n" in shown
    assert ada.run("mappings", "set", "bank", "decimal").exit_code == 2


def test_a_csv_is_shown_mapped_and_imported(ada: Terminal, tmp_path: Path) -> None:
    """Nothing is guessed: shown first, then said how to read, saved by name, and used."""
    file = tmp_path / "export.csv"
    file.write_bytes(as_csv(ROWS))
    refused = ada.run("import", str(file))
    assert refused.exit_code == 2
    assert "--preview" in refused.stderr
    assert "'Betrag'" in ada.good("import", str(file), "--preview").stderr
    settings = [f"{name}={value}" for name, value in MAPPING.items()]
    ada.good("mappings", "set", "our-bank", *settings)
    assert "our-bank" in ada.good("mappings").stdout
    assert "COFFEE" in ada.good("import", str(file), "--mapping", "our-bank", "--preview").stderr
    lost = ada.run("import", str(file), "--mapping", "our-bank")
    assert "which account" in lost.stderr
    done = ada.json("import", str(file), "--mapping", "our-bank", "--new", "Purse")
    assert done[0]["imports"][0]["inserted"] == 4
    ada.good("mappings", "set", "our-bank", *settings, "description=Datum+Text")
    replayed = ada.json("replay", done[0]["imports"][0]["connection_id"], "--yes")
    assert replayed["changed"] == 4
    again = ada.json("import", str(file), "--mapping", "our-bank", "--new", "Purse")
    assert again[0]["imports"][0]["inserted"] == 0
    ada.good("mappings", "remove", "our-bank")
    assert ada.json("mappings") == []


@pytest.mark.parametrize("name", ["nowhere.ofx", "."])
def test_a_file_that_is_none_is_said(ada: Terminal, tmp_path: Path, name: str) -> None:
    """Without a trace of the program's own."""
    refused = ada.run("import", str(tmp_path / name))
    assert refused.exit_code == 1
    assert "cannot be read" in refused.stderr


def test_an_empty_file_is_said(ada: Terminal, tmp_path: Path) -> None:
    """By its name; nothing is asked of the API."""
    file = tmp_path / "empty.ofx"
    file.touch()
    refused = ada.run("import", str(file))
    assert refused.exit_code == 2
    assert f"{file} is empty" in refused.stderr


def test_what_a_qif_does_not_say_is_asked_for(ada: Terminal, tmp_path: Path) -> None:
    """The currency, the order of days, the account: each refusal names the option."""
    file = tmp_path / "old.qif"
    file.write_bytes(as_qif(ROWS))
    command = ["import", str(file)]
    for option, more in (
        ("--currency", ["--currency", "EUR"]),
        ("--date-order", ["--date-order", "mdy"]),
        ("--new", ["--new", "Purse"]),
    ):
        refused = ada.run(*command)
        assert refused.exit_code == 2
        assert option in refused.stderr
        command += more
    assert "4 inserted" in ada.good(*command).stderr
