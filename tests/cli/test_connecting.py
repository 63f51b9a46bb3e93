"""Linking by hand: which way, what is missing, and whose consent ends soon."""

from tests.cli.conftest import Bank, Terminal


def at_starling(bank: Bank) -> dict[str, str]:
    """Return settings under which the sandbox bank is another one, with two ways to link it."""
    return {
        "PENSTOCK_STARLING_URL": f"{bank.url}/starling",
        "PENSTOCK_STARLING_CLIENT_ID": "penstock-starling",
        "PENSTOCK_STARLING_CLIENT_SECRET": "sandbox-starling-secret",
    }


def test_the_second_way_to_link_is_chosen_by_its_number(ada: Terminal, bank: Bank) -> None:
    """`connect --plan 1` goes through the browser where a token would be asked for first."""
    settings = at_starling(bank)
    shown = ada.good("connectors", **settings).stdout
    assert "by a token (--plan 0), in the browser (--plan 1)" in shown
    ada.good("connect", "starling", "--plan", "1", "--auto-consent", **settings)
    assert ada.json("sync", **settings)["up_to_date"]


def test_a_way_that_there_is_not_is_said(ada: Terminal, bank: Bank) -> None:
    """A number too high, or one that does not go with the other flags, is a usage error."""
    settings = at_starling(bank)
    high = ada.run("connect", "starling", "--plan", "2", **settings)
    assert (high.exit_code, "by a token (--plan 0)" in high.stderr) == (2, True)
    token = ada.run("connect", "starling", "--plan", "1", "--token-stdin", typed="x", **settings)
    assert (token.exit_code, "takes no pasted token" in token.stderr) == (2, True)
    visit = ada.run("connect", "starling", "--plan", "0", "--auto-consent", **settings)
    assert (visit.exit_code, "nothing to consent to" in visit.stderr) == (2, True)


def test_what_is_missing_is_had_somewhere(ada: Terminal) -> None:
    """`connectors` and `connect` say where to get what is to be set."""
    shown = ada.good("connectors").stdout
    rows = ada.json("connectors")
    lacking = [row for row in rows if not row["ready"]]
    assert lacking
    assert all(row["keys_url"] in shown for row in rows)
    refused = ada.run("connect", lacking[0]["name"])
    assert refused.exit_code == 1
    assert lacking[0]["keys_url"] in refused.stderr


def test_a_bank_without_a_list_has_none_to_search(ada: Terminal) -> None:
    """It need not be one bank alone: `connect` goes on without a choice."""
    refused = ada.run("institutions", "simplefin")
    assert refused.exit_code == 2
    assert "penstock connect simplefin" in refused.stderr


def test_a_sync_says_whose_consent_ends_soon(ada: Terminal) -> None:
    """It ends with 0, and says that it does, and how to renew."""
    ada.link("--scenario", "consent_expiring")
    result = ada.good("sync")
    assert "The consent ends" in result.stderr
    assert "--renew" in result.stderr
