"""`penstock sources`: where prices come from, and whether a declaration is right."""

import json
from pathlib import Path

from tests.cli.conftest import Terminal
from tests.quotes.own_source import ACME, written


def test_a_declaration_is_checked_where_it_stands(stranger: Terminal) -> None:
    """No server, no sign-in and no network are needed to see that a declaration holds."""
    path = written(stranger.home / "sources")
    said = stranger.good("sources", "check", str(path)).stdout
    assert "acme is right" in said
    assert stranger.json("sources", "check", str(path)) == {"id": "acme", "ok": True, "faults": []}


def test_a_wrong_one_ends_with_1_and_names_the_line(stranger: Terminal) -> None:
    """What is wrong is said by line and field, for people and for programs."""
    text = ACME.replace('price = "1177.98"', 'price = "7"')
    path = written(stranger.home / "sources", text=text)
    result = stranger.run("sources", "check", str(path))
    line = text[: text.index('price = "7"')].count("\n") + 1
    assert result.exit_code == 1
    assert f"line {line}, golden[0].price: 7 should come out" in result.stdout
    result = stranger.run("sources", "check", str(path), "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["faults"][0]["line"] == line


def test_a_file_that_is_not_there(stranger: Terminal, tmp_path: Path) -> None:
    """A wrong path is said, too."""
    result = stranger.run("sources", "check", str(tmp_path / "none.toml"))
    assert result.exit_code == 1
    assert "no such file" in result.output


def test_the_list_says_how_each_stands(ada: Terminal) -> None:
    """In use, switched off, broken and why: one narrow line a source, its terms apart."""
    written(ada.home / "sources")
    (ada.home / "sources" / "torn.toml").write_text("id =")
    named = {"PENSTOCK_QUOTE_SOURCES": "acme,ecb,torn"}
    result = ada.good("sources", **named)
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    assert "in use" in lines["acme"]
    assert max(map(len, lines.values())) <= 80
    assert "exchange rates" in lines["ecb"]
    terms = ada.good("sources", "--terms", **named).stdout.splitlines()
    assert any(
        one.startswith("acme") and "https://quotes.example.com/terms" in one for one in terms
    )
    assert "broken" in lines["torn"]
    assert "torn: line 1" in result.stderr
    rows = {row["id"]: row["standing"] for row in ada.json("sources", **named)}
    assert (rows["acme"], rows["ecb"], rows["torn"]) == ("in_use", "in_use", "broken")
    assert rows["google_finance"] == "switched_off"


def test_the_doctor_names_a_broken_source(stranger: Terminal) -> None:
    """A named source that is not used fails the check; one that nobody named is a warning."""
    text = ACME.replace('price = "1177.98"', 'price = "7"')
    written(stranger.home / "sources", text=text)
    for sources, state in {"ecb,acme": "fail", "ecb": "warn"}.items():
        result = stranger.run("doctor", "--json", PENSTOCK_QUOTE_SOURCES=sources)
        found = [one for one in json.loads(result.stdout)["checks"] if "acme" in one["found"]]
        (check,) = (one for one in found if "not used" in one["found"])
        assert check["state"] == state
        assert "golden[0].price" in check["found"]
