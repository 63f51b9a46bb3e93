"""`penstock holdings`, and what other commands say of holdings."""

import json

from penstock.cli.holdings import price_of
from tests.cli.conftest import Bank, Terminal


def invested(ada: Terminal) -> str:
    """Link the bank where Ada has invested, and sync it; return the sync."""
    ada.link("--scenario", "invested")
    return str(ada.json("sync")["syncs"][0]["id"])


def test_holdings_are_listed(ada: Terminal) -> None:
    """Symbol, name, quantity, price, value, gain, age, account: to the last digit."""
    invested(ada)
    rows = ada.json("holdings")
    assert [row["symbol"] for row in rows] == ["WEIR", "WRLD", "ETH", "SLUI", None]
    ether = rows[2]
    assert ether["quantity"] == "1.234567890123456789"
    assert float(rows[3]["quantity"]) < 0
    shown = ada.good("holdings")
    heading, *lines = shown.stdout.splitlines()
    assert heading.split() == "symbol name quantity price value gain as of".split()
    assert max(map(len, [heading, *lines])) <= 100
    (line,) = (one for one in lines if one.startswith("ETH"))
    assert line.split()[1:4] == ["Ether", ether["quantity"], f"{float(ether['price']):,.4f}"]
    wide = ada.good("holdings", "--wide").stdout.splitlines()
    (line,) = (one for one in wide if one.startswith("ETH"))
    assert "institution value" in line
    assert "Broker account …4151" in line
    assert "fresh" not in shown.stderr
    assert len(ada.json("holdings", "--symbol", "ETH")) == 1
    assert ada.json("holdings", "--account", "1") == []
    assert len(ada.json("holdings", "--connection", "1", "--limit", "2")) == 2
    nothing = ada.good("holdings", "--symbol", "NONE")
    assert "There are no such holdings" in nothing.stderr


def test_a_price_is_shown_in_the_currency_of_the_value() -> None:
    """4025 pence are 40.25 pounds beside pounds; what the institution said in pence says so."""

    def shown(price: dict[str, str] | None, currency: str) -> str:
        taken = {"currency": "GBP", "price": price}
        row = {"price": "4025", "currency": currency, "worth": {"taken": taken}}
        return price_of(row).plain

    pence = {"price": "4025", "scale": "0.01", "basis": "per_share"}
    assert shown(pence, "GBP") == "40.25"
    assert shown(pence | {"basis": "percent_of_par", "price": "98.5", "scale": "1"}, "GBP") == (
        "98.5 %"
    )
    assert shown(None, "GBX") == "4,025 GBX"
    assert shown(None, "GBP") == "4,025"
    assert price_of({"price": None, "currency": "GBP", "worth": None}).plain == ""


def test_what_was_sold_is_told_and_can_be_undone(ada: Terminal, bank: Bank) -> None:
    """It is gone from the list, marked in the feed, and back after an undo."""
    invested(ada)
    cursor = ada.json("changes")["next_cursor"]
    bank.control("trade?scenario=invested", symbol="WEIR", quantity="-12")
    run = ada.json("sync")["syncs"][0]
    assert run["counts"]["holdings"] >= 1
    assert "WEIR" not in [row["symbol"] for row in ada.json("holdings")]
    ended = ada.json("holdings", "--include-ended", "--symbol", "WEIR")
    assert [row["ended_at"] is not None for row in ended] == [True]
    assert "Mill & Weir Ltd (ended)" in ada.good("holdings", "--include-ended").stdout
    told = ada.good("changes", "--cursor", cursor).stdout
    assert "held no more: Mill & Weir Ltd" in told
    ada.good("undo", run["id"], "--yes")
    assert "WEIR" in [row["symbol"] for row in ada.json("holdings")]


def test_holdings_are_exported(ada: Terminal) -> None:
    """As a kind of their own, in CSV and as JSON lines."""
    invested(ada)
    lines = ada.good("export", "--kind", "holdings").stdout.splitlines()
    assert [json.loads(line)["symbol"] for line in lines][:2] == ["WEIR", "WRLD"]
    table = ada.good("export", "--kind", "holdings", "--format", "csv").stdout.splitlines()
    assert table[0].startswith("id,account_id,symbol,isin,name,type,quantity,price,value")
    assert len(table) == 1 + len(lines)


def test_who_holds_nothing_is_told_so(reader: Terminal) -> None:
    """No holdings is an answer: an empty array, and a sentence for people."""
    assert reader.json("holdings") == []
    assert "There are no such holdings" in reader.good("holdings").stderr


def test_new_prices_can_be_asked_for_first(ada: Terminal) -> None:
    """With --refresh what has no price says why, and the security says when it is due again."""
    invested(ada)
    shown = ada.good("holdings", "--refresh")
    (line,) = (one for one in shown.stderr.splitlines() if one.startswith("ETH/"))
    assert "source" in line
    rows = ada.json("securities")
    (number,) = (row["id"] for row in rows if row["instrument"] and row["instrument"][:3] == "ETH")
    price = ada.json("securities", "show", number)["price"]
    assert price["code"] in {"no_source", "source_disabled"}
    assert price["next_at"] is not None
