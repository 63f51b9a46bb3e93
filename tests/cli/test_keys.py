"""`penstock keys` at the command line."""

import pytest

from penstock.vault.key import Key
from tests.cli.conftest import Terminal, in_front_of

NEW = Key(bytes(range(100, 132))).written().reveal()


def test_a_new_key_signs(linked_ada: Terminal) -> None:
    """T4: the session that is open goes on."""
    assert linked_ada.json("keys", "rotate", "--signing")["signing_key"]
    linked_ada.good("transactions")
    assert linked_ada.run("keys", "rotate", "--signing", "--data").exit_code == 2


def test_a_key_file_is_changed(linked_ada: Terminal) -> None:
    """K2: nothing hangs on the old key then, the bank can be read, the log of deeds is whole."""
    before = linked_ada.json("keys", "show")
    told = linked_ada.json("keys", "rotate", "--data")
    assert told["data_keys_made"] == before["data_keys"] - 1, "the root is none that seals"
    told = linked_ada.json("keys", "rotate")
    assert told["left"] == [before["master_id"]]
    for old in linked_ada.home.glob("key.*"):
        old.unlink()
    after = linked_ada.json("keys", "show")
    assert after["master_id"] == told["master_key"] != before["master_id"]
    assert (after["others"], after["behind"]) == ({}, 0)
    assert after["wraps"] == {after["master_id"]: after["data_keys"] + after["retired"]}
    linked_ada.good("sync", "--all")
    assert "Whole" in linked_ada.good("audit", "verify").stdout


@pytest.mark.parametrize("words", [("show",), ("rotate",)])
def test_without_a_home_it_is_said(stranger: Terminal, words: tuple[str, ...]) -> None:
    """Where there is no database none is made, and no key."""
    result = in_front_of(stranger.home.parent / "nowhere").run("keys", *words)
    assert (result.exit_code, "no database" in result.stderr) == (1, True)
    assert not (stranger.home.parent / "nowhere").exists()


def test_a_key_moves_into_the_environment(linked_ada: Terminal) -> None:
    """K2, K5: both open the database until the move is ended, and then the file is of no use."""
    told = linked_ada.good("keys", "rotate", "--to", "env", PENSTOCK_NEW_KEY=NEW).stderr
    assert "PENSTOCK_KEY" in told
    assert NEW not in told
    linked_ada.good("sync", "--all")
    assert "next" in linked_ada.good("keys", "show").stdout
    linked_ada.good("keys", "rotate", PENSTOCK_KEY=NEW)
    assert linked_ada.run("sync", "--all").exit_code == 1
    (linked_ada.home / "key").unlink()
    linked_ada.good("sync", "--all", PENSTOCK_KEY=NEW)
    result = linked_ada.run("keys", "rotate", PENSTOCK_KEY=NEW)
    assert (result.exit_code, "PENSTOCK_NEW_KEY" in result.stderr) == (2, True)
