"""`penstock securities`: what is held by all its names, and what a person says of it."""

from tests.cli.conftest import Terminal


def test_securities_are_listed_shown_and_set(ada: Terminal) -> None:
    """One line a security; shown, with its names and who tells them; what is set stays."""
    ada.link("--scenario", "invested")
    ada.good("sync")
    rows = ada.json("securities")
    assert [row["ticker"] for row in rows] == ["WEIR", "WRLD", "ETH", "SLUI", None]
    assert [row["instrument"] for row in rows][:3] == ["WEIR:XSBX", "WRLD:XSBX", "ETH/EUR"]
    assert {row["security_id"] for row in ada.json("holdings")} == {row["id"] for row in rows}
    lines = ada.good("securities", "--symbol", "weir").stdout.splitlines()
    assert lines[1].split()[:2] == [rows[0]["id"], "Mill"]
    shown = ada.good("securities", "show", "1").stdout
    assert "isin" in shown
    assert "WEIR:XSBX" in shown
    assert "(sandbox)" in shown
    ada.good("securities", "set", "1", "--instrument", "AAPL:US", "--name", "Mill")
    assert ada.json("securities", "show", "1")["instrument"] == "AAPL:US"
    ada.good("securities", "set", "1", "--clear", "instrument")
    assert ada.json("securities", "show", "1")["instrument"] == "WEIR:XSBX"


def test_what_happened_is_noted_and_taken_back(ada: Terminal) -> None:
    """A split and new names, then two that are one, and one that is two."""
    ada.link("--scenario", "invested")
    ada.good("sync")
    split = ada.json("securities", "split", "1", "--ratio", "4:1", "--day", "2020-08-31")
    assert (split["kind"], split["ratio"]) == ("split", "4:1")
    ada.good("securities", "forget", "1", split["id"])
    assert ada.json("securities", "show", "1")["events"] == []
    told = ada.good("securities", "rename", "1", "--ticker", "MILL", "--day", "2020-08-31")
    assert "was WEIR, XSBX, is MILL, XSBX" in told.stderr
    assert ada.json("securities", "show", "1")["instrument"] == "MILL:XSBX"
    assert ada.run("securities", "merge", "1", "2").exit_code == 1
    merged = ada.json("securities", "merge", "3", "5")
    assert merged["id"].endswith("3")
