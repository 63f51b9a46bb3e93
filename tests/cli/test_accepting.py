"""`penstock price accept`: an admin looks at a price that was held back, and believes it."""

import json
import re
import shlex

from tests.cli.conftest import PASSWORD, Terminal
from tests.cli.quote_site import NOBODY, Site
from tests.quotes.own_source import PAGE, written

HUNDREDFOLD = PAGE.replace("1.177,98", "117.798,00").replace("07.08.2026", "10.08.2026")


def declare(terminal: Terminal, site: Site) -> None:
    """Let the site be a source, which is asked each time."""
    text = site.declared.replace("robots = true", "robots = true\nttl = 0.0")
    written(terminal.home / "sources", text=text)


def told(terminal: Terminal, site: Site) -> list[str]:
    """Ask for a price that is not believed; return the arguments of the command that it names."""
    refused = terminal.run("quote", "SAP.DE", **site.given)
    assert refused.exit_code == 1
    command = re.search(r"`penstock (price accept [^`]*)`", refused.stderr)
    assert command, refused.stderr
    return shlex.split(command[1])


def test_a_hundredfold_is_accepted_as_the_error_says(ada: Terminal, site: Site) -> None:
    """The command that the refusal names makes the price believed, for whoever asks next."""
    declare(ada, site)
    assert "1177.98" in ada.good("quote", "SAP.DE", **site.given).stdout
    site.page = HUNDREDFOLD
    command = told(ada, site)
    assert command[2:] == ["SAP:XETR", "117798.00", "EUR", "--source", "acme"]
    assert "117798.00 EUR is believed" in ada.good(*command, **site.given).stderr
    assert "117798.00" in ada.good("quote", "SAP.DE", **site.given).stdout
    (record, *_) = ada.json("audit", "list", "--kind", "price_accepted", **site.given)
    assert record["facts"]["price"] == "117798.00"


def test_a_first_price_that_nobody_confirmed_is_accepted(ada: Terminal, site: Site) -> None:
    """Where the other source is out of order, an admin need not wait for it."""
    declare(ada, site)
    text = site.declared_at(NOBODY).replace('id = "acme"', 'id = "other"')
    written(ada.home / "sources", text=text, name="other")
    given = site.given | {"PENSTOCK_QUOTE_SOURCES": "acme,other"}
    (row,) = json.loads(ada.run("quote", "SAP.DE", "--explain", "--json", **given).stdout)
    assert (row["error"]["code"], row["error"]["doubted"]["price"]) == ("unconfirmed", "1177.98")
    assert [step["source"] for step in row["steps"]] == ["acme", "other"]
    assert row["steps"][0]["quote"]["price"] == "1177.98"
    command = "price accept SAP:XETR 1177.98 EUR --source acme".split()
    done = ada.json(*command, **given)
    assert (done["price"], done["flags"]) == ("1177.98", ["trusted"])
    assert "1177.98" in ada.good("quote", "SAP.DE", **given).stdout


def test_what_the_source_does_not_say_is_not_accepted(ada: Terminal, site: Site) -> None:
    """Another price than the source tells now is refused, with what it tells; so is a word."""
    declare(ada, site)
    ada.good("quote", "SAP.DE", **site.given)
    site.page = HUNDREDFOLD
    refused = ada.run("price", "accept", "SAP.DE", "99", "EUR", "--source", "acme", **site.given)
    assert refused.exit_code == 1
    assert "The source says 117798.00 EUR now, not 99 EUR." in refused.stderr
    assert ada.run("price", "accept", "SAP.DE", "dear", "EUR", "--source", "acme").exit_code == 2
    assert ada.run("price", "accept", "SAP.DE", "99", "EUR").exit_code == 2


def test_only_an_admin_accepts(ada: Terminal, site: Site) -> None:
    """Whoever may ask for prices may not say what everybody's holdings cost."""
    declare(ada, site)
    ada.good("user", "add", "bob", "--password-stdin", typed=PASSWORD)
    ada.good("login", "--username", "bob", "--password-stdin", typed=PASSWORD)
    ada.good("quote", "SAP.DE", **site.given)
    site.page = HUNDREDFOLD
    refused = ada.run(*told(ada, site), **site.given)
    assert refused.exit_code != 0
    assert "is believed" not in refused.stderr
    assert ada.run("quote", "SAP.DE", **site.given).exit_code == 1
