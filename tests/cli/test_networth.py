"""`penstock networth`, `holdings` and `price`: what is computed by hand is what is shown."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from penstock.cli.networth import sparkline
from penstock.cli.past_prices import told_of
from penstock.db.connect import open_database
from penstock.db.users import users
from penstock.domain.clock import utc_now
from tests.api.serving import KEY
from tests.cli.conftest import Terminal, in_front_of
from tests.databases import Database
from tests.db.portfolio import fill
from tests.domain.portfolio import ASSETS, IN_EUROS, LIABILITIES, MISSING, OF_ITS_OWN, TOTAL


@pytest.fixture
def ada(database: Database, tmp_path: Path) -> Terminal:
    """Return Ada, signed in, with the portfolio of six currencies, on each kind of database."""
    terminal = in_front_of(tmp_path / "home")
    terminal.environment |= {"PENSTOCK_DATABASE_URL": database.url, "PENSTOCK_KEY": KEY}
    terminal.sign_in()
    opened = open_database(database.url)
    owner = opened.read_now(lambda connection: connection.execute(sa.select(users.c.id)).scalar())
    assert owner is not None
    fill(opened, owner, utc_now())
    opened.close()
    return terminal


def test_the_sum_of_it_all_is_what_was_computed_by_hand(ada: Terminal) -> None:
    """To the cent, in six currencies; beside it what is missing, and the oldest part's age."""
    found = ada.json("networth", "--currency", "EUR")
    assert (found["total"], found["assets"], found["liabilities"]) == (TOTAL, ASSETS, LIABILITIES)
    assert {one["name"]: one["amount"] for one in found["parts"]} == IN_EUROS
    shown = ada.good("networth")
    lines = {line.split()[0]: line.split()[1:] for line in shown.stdout.splitlines()[1:]}
    assert lines["total"] == ["44,511.63", "100.00", "%", "-1,077.89", "43,433.74"]
    assert lines["stock"] == ["15,673.60", "35.21", "%", "-350.69", "15,322.91"]
    assert lines["credit"] == ["-727.20", "-727.20"]
    assert f"not in it: {MISSING}" in shown.stderr
    assert "Its oldest part is everyday, as of 2 h ago." in shown.stderr
    parts = ada.good("networth", "--parts").stdout.splitlines()
    assert len(parts) == 1 + len(IN_EUROS) + 1
    assert any(line.startswith("TEVA") and "16,357.50" in line for line in parts)
    assert "Mill Bank" in ada.good("networth", "--by", "institution").stdout
    assert "swiss" in ada.good("networth", "--by", "account").stdout


def test_holdings_show_value_and_age(ada: Terminal) -> None:
    """Each in the currency of its price, and in the asked one; what has no price says why."""
    shown = ada.good("holdings", "--currency", "EUR").stdout.splitlines()
    assert "in EUR" in shown[0]
    rows = {line.split()[0]: line for line in shown[1:]}
    for name, (value, currency) in OF_ITS_OWN.items():
        assert value in rows[name].replace(",", ""), rows[name]
        assert currency in rows[name]
        assert IN_EUROS[name] in rows[name].replace(",", "")
    assert "no price" in rows[MISSING]
    valued = ada.json("holdings", "--currency", "EUR", "--symbol", "OCDO")[0]["worth"]
    assert valued["ours"]["price"] == {
        "price": "308.8",
        "scale": "0.01",
        "currency": "GBP",
        "basis": "per_share",
        "source": "table",
        "as_of": valued["ours"]["price"]["as_of"],
    }
    assert "worth" not in ada.json("holdings")[0]


def test_a_series_is_a_table_with_a_curve(ada: Terminal) -> None:
    """Day by day, today included; a day of which nothing is known is a gap."""
    today = utc_now().date()
    since = (today - timedelta(days=3)).isoformat()
    shown = ada.good("networth", "--from", since)
    heading, *lines = shown.stdout.splitlines()
    assert heading.split()[0] == "day"
    assert lines[0].split()[0] == since
    assert lines[-1].split()[3] == "43,433.74"
    assert "█" in shown.stderr or "▁" in shown.stderr
    assert ada.run("networth", "--to", since).exit_code == 2


def test_own_prices_are_set_imported_and_removed(ada: Terminal, tmp_path: Path) -> None:
    """What nobody quotes counts from then on, and no longer once it is forgotten."""
    ada.good("price", "set", MISSING, "10.00", "EUR")
    assert ada.json("networth")["total"] == "44203.74"
    (row,) = ada.json("price")
    assert "10.00" in ada.good("price").stdout
    ada.good("price", "remove", MISSING, row["day"])
    assert ada.json("networth")["total"] == TOTAL
    file = tmp_path / "prices.csv"
    file.write_text(f"security,day,price,currency\n{MISSING},2026-01-02,10,EUR\n")
    assert "1 would be new" in ada.good("price", "import", str(file), "--dry-run").stderr
    ada.good("price", "import", str(file))
    assert ada.json("networth")["total"] == "44203.74"
    file.write_text("security,day,price,currency\nSAP,yesterday,10,EUR\n")
    refused = ada.run("price", "import", str(file))
    assert refused.exit_code != 0
    assert "line 2: 'yesterday' is no day" in refused.stderr
    assert ada.run("price", "import", str(tmp_path / "none.csv")).exit_code == 1


def test_a_price_is_set_as_people_write_it(ada: Terminal) -> None:
    """A name and a currency in small letters; the list names the security. Less than 0 is none."""
    ada.good("price", "set", MISSING.lower(), "10.00", "eur")
    assert MISSING in ada.good("price").stdout
    refused = ada.run("price", "set", MISSING, "-10.00", "EUR")
    assert refused.exit_code == 2
    assert "cannot be less than 0" in refused.stderr
    unknown = ada.run("price", "set", "nothing like it", "10.00", "EUR")
    assert unknown.exit_code == 1
    assert "penstock securities" in unknown.stderr


def test_a_currency_without_rates_is_no_empty_success(ada: Terminal) -> None:
    """Nothing can be added up: it ends with 1, each reason is told once, and what to do with it."""
    shown = ada.run("networth", "--currency", "nowhere")
    assert shown.exit_code == 1
    told = shown.stderr.splitlines()
    (line,) = [one for one in told if "from EUR to NOWHERE" in one]
    assert "everyday" in line
    assert any("penstock rates --refresh" in one for one in told)
    assert ada.run("networth", "--currency", "E-R").exit_code == 2


def test_a_series_names_what_was_missing_in_it(ada: Terminal) -> None:
    """A number of missing parts alone does not say which, and the curve jumps where they begin."""
    since = (utc_now().date() - timedelta(days=3)).isoformat()
    told = ada.good("networth", "--from", since).stderr
    assert f"{MISSING} (hol_" in told
    assert f"not in it on 3 days, {since} to" in told


def test_who_has_nothing_is_told_how_to_begin(tmp_path: Path) -> None:
    """No total, and no zero: a sentence."""
    terminal = in_front_of(tmp_path / "home")
    terminal.sign_in()
    shown = terminal.good("networth")
    assert shown.stdout == ""
    assert "penstock connect" in shown.stderr


def test_a_curve_has_blanks_where_nothing_is_known() -> None:
    """Bars from the least to the most; of many days sixty bars; one figure alone is flat."""
    assert sparkline(["1.00", None, "8.00"]) == "▁ █"
    assert sparkline([None, None]) == ""
    assert sparkline(["5.00"]) == "▁"
    assert len(sparkline([str(one) for one in range(365)])) <= 60


def test_past_days_are_asked_for_one_by_one(ada: Terminal) -> None:
    """A line each; where nobody in use tells them it says who would, and ends with 1."""
    asked = ada.run("price", "fetch", "--from", "2026-01-02")
    assert asked.exit_code == 1
    lines = asked.stderr.splitlines()
    assert lines
    assert all("since 2026-01-02 had none. No source in use" in line for line in lines)
    (row,) = ada.json("price", "fetch", "ocdo:xlon")["rows"]
    assert (row["instrument"], row["stored"]) == ("OCDO:XLON", 0)
    assert ada.run("price", "fetch", "NOPE:XETR").exit_code == 1


def test_past_days_of_what_was_never_priced_say_so() -> None:
    """Where no day could be looked for yet, the line says why, and no figure that means nothing."""
    nothing = {"missing": 0, "stored": 0, "doubted": 0, "sources": [], "first": "2026-01-02"}
    why = {"code": "no_source", "message": "No price is known.", "remedy": "Ask for one first."}
    row = {"instrument": "SAP:XETR"} | nothing | why
    assert told_of(row) == "SAP:XETR: No price is known. Ask for one first."
    row |= dict.fromkeys(why)
    assert told_of(row) == "SAP:XETR: no day lacks a price since 2026-01-02."
