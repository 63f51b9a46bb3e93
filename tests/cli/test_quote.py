"""`penstock quote`: prices of a source of one's own, in one request or many, and the way there."""

import asyncio
import json
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.quoting import Wish, pause, prices, symbols_in, watched
from tests.cli.conftest import Terminal
from tests.cli.quote_site import Site
from tests.quotes.own_source import written


def test_many_failures_alike_are_told_as_one(ada: Terminal) -> None:
    """Three hundred symbols that no source has are no three hundred paragraphs."""
    shown = ada.run("quote", *(f"A{number}" for number in range(300)))
    assert shown.exit_code == 1
    assert len(shown.stdout.splitlines()) == 301
    told = shown.stderr.splitlines()
    assert told[0].startswith("A0: No source in use")
    assert told[-1] == "And 297 more symbols, the same: source disabled."
    assert len(told) == 4


def test_a_price_with_everything_that_says_what_it_is_worth(ada: Terminal, site: Site) -> None:
    """Price, unit, instant, age and source in a line; the second time nobody is asked again."""
    written(ada.home / "sources", text=site.declared)
    result = ada.good("quote", "SAP.DE", **site.given)
    heading, line = result.stdout.splitlines()
    assert heading.split() == "symbol price unit as of (UTC) age delay source marks".split()
    assert line.split()[:3] == ["SAP.DE", "1177.98", "EUR"]
    assert "2026-08-07 15:35" in line
    assert "acme" in line
    asked = list(site.asked)
    assert asked == ["/robots.txt", "/SAP"]
    (row,) = ada.json("quote", "SAP.DE", **site.given)
    assert (row["quote"]["price"], row["quote"]["instrument"]) == ("1177.98", "SAP:XETR")
    assert site.asked == asked


def test_the_way_to_a_price_is_told_in_words(ada: Terminal, site: Site) -> None:
    """`--explain` names the source, whether it was asked, the alternate that fired and its text."""
    written(ada.home / "sources", text=site.declared)
    told = ada.run("quote", "--explain", "SAP.DE", "GONE.DE", **site.given)
    assert told.exit_code == 1
    assert "1. acme, SAP:XETR: asked" in told.stdout
    assert "`row` found '1.177,98', which is 1177.98 EUR" in told.stdout
    assert "GONE.DE: no price" in told.stdout
    assert "not used (symbol_not_found)" in told.stdout
    assert "kept, and still fresh" in ada.good("quote", "SAP.DE", "--explain", **site.given).stdout
    (row,) = ada.json("quote", "SAP.DE", "--explain", **site.given)
    assert [step["how"] for step in row["steps"]] == ["fresh"]


def test_symbols_come_from_a_file_too(ada: Terminal, site: Site, tmp_path: Path) -> None:
    """A file has symbols in lines, with remarks; `-` is stdin; none at all is a mistake."""
    written(ada.home / "sources", text=site.declared)
    listed = tmp_path / "mine.txt"
    listed.write_text("SAP.DE, SAP.DE  # twice\n\n# GONE.DE\n", encoding="utf-8")
    rows = ada.json("quote", "SAP.DE", "-f", str(listed), **site.given)
    assert [row["symbol"] for row in rows] == ["SAP.DE"] * 3
    told = ada.good("quote", "--json", "-f", "-", typed="SAP.DE\n", **site.given)
    assert len(json.loads(told.stdout)) == 1
    assert ada.run("quote", "-f", "-", typed="# none\n").exit_code == 2
    assert site.asked.count("/SAP") == 1


@dataclass
class Api:
    """Answers as the API does; `late` says, for one request after another, who has no price yet."""

    late: list[set[str]] = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)

    async def get(self, path: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Answer as the routes do."""
        if path == "/v1/sources":
            return {"rows": [{"id": "acme", "fresh_seconds": 0.01}]}
        assert parameters is not None
        symbols = parameters["symbols"].split(",")
        self.asked.append(symbols)
        late = self.late.pop(0) if self.late else set()
        rows = [self._row(symbol, none=symbol in late) for symbol in symbols]
        return {"rows": rows, "in_time": not late}

    def _row(self, symbol: str, none: bool) -> dict[str, Any]:
        quote = None if none else {"source": "acme", "price": "1"}
        error = {"code": "source_unavailable"} if none else None
        return {"symbol": symbol, "quote": quote, "error": error}


def test_hundreds_are_asked_for_in_requests_that_the_api_takes() -> None:
    """Each symbol is asked for once, a hundred at a time, and told in the order wanted."""
    api = Api()
    wanted = [f"T{number}" for number in range(250)] + ["T0"]
    rows = asyncio.run(prices(api, Wish(wanted)))
    assert [row["symbol"] for row in rows] == wanted
    assert [len(one) for one in api.asked] == [100, 100, 50]


def test_what_took_too_long_is_asked_for_again_while_that_helps() -> None:
    """Where time was over, the rest is asked for; where nothing comes of that, it ends."""
    api = Api(late=[{"B", "C", "D"}, {"C", "D"}, {"C", "D"}])
    rows = asyncio.run(prices(api, Wish(["A", "B", "C", "D"])))
    assert [row["quote"] is None for row in rows] == [False, False, True, True]
    assert api.asked == [["A", "B", "C", "D"], ["B", "C", "D"], ["C", "D"]]


def test_watching_ends_cleanly_with_the_last_prices() -> None:
    """Ctrl-C ends it between two rounds or within one; what was shown last is what it ends with."""
    api = Api()
    shown: list[list[dict[str, Any]]] = []

    def show(rows: list[dict[str, Any]]) -> None:
        shown.append(rows)
        if len(shown) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    rows = asyncio.run(watched(api, Wish(["SAP.DE"]), 0.0, show))
    assert len(shown) == len(api.asked) == 3
    assert rows == shown[-1]


def test_nobody_is_asked_before_there_can_be_something_new() -> None:
    """The pause is that of the quickest source that answered, a minute where none is known."""
    rows = [{"quote": {"source": name}} for name in ("a", "b")]
    assert pause(rows, {"a": 300.0, "b": 60.0, "c": 1.0}) == 60.0
    assert pause([{"quote": None}], {"c": 1.0}) == 60.0
    assert pause(rows, {"a": None, "b": 0.0}) == 60.0


def test_words_are_symbols_and_remarks_are_not() -> None:
    """Spaces, commas and lines part symbols; too many are refused before anybody is asked."""
    assert symbols_in(["AAPL,SAP.DE", "EUR/USD  BTC/USD # a remark", "", " # one more"]) == [
        "AAPL",
        "SAP.DE",
        "EUR/USD",
        "BTC/USD",
    ]
    with pytest.raises(Exception, match="too many"):
        symbols_in(["A " * 10_001])
