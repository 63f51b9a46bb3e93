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
    assert "0 inserted, 4 unchanged" in ada.good("import", str(file)).stderr
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
