"""Budgets and breakers over the API: shared facts for everybody, one's own for oneself alone."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from penstock.db import breakers, budgets
from penstock.domain.breaker import FIRST, HEALTHY, RUNS, Breaker, after_trouble
from penstock.domain.budget import UNTOUCHED, Use, heed, spend
from penstock.domain.errors import InvalidInput
from penstock.domain.ids import public_id
from penstock.domain.limit import Limit, Scope, quota, rate
from penstock.domain.rate_headers import Told
from penstock.domain.request import Request
from penstock.domain.uses import uses_of
from penstock.settings import Settings
from penstock.wiring import connectors_of, rates_of
from tests.api.serving import Api
from tests.api.test_accounts import all_rows
from tests.db.books import Books

ROWS = Request("GET", "https://bank.example", account="main", endpoint="transactions")
LIMITS = (rate(200, timedelta(seconds=1)), quota(24), quota(4, scope=Scope.ACCOUNT))


def spent(api: Api, connection: int, *limits: Limit) -> None:
    """Let a connection spend one call of each limit."""

    def store(one: sa.Connection) -> None:
        uses = uses_of(limits, "sandbox", connection, ROWS)
        budgets.lock(one, uses, now=api.clock())
        for use in uses:
            standing = spend(use.limit, UNTOUCHED, api.clock())
            budgets.save(one, use, standing, now=api.clock())

    api.write(store)


def test_a_person_sees_the_shared_ones_and_their_own(api: Api) -> None:
    """sync.md 23, X1: what all spend together, and of connections and accounts only one's own."""
    books = Books(api.penstock.database)
    numbers = {}
    for name in ("ada", "ben"):
        client, owner = api.signed_in(name), api.person(name)
        connection = books.connection(owner)
        numbers[name] = (client, connection, books.account(owner, connection, external_id="main"))
        spent(api, connection, *LIMITS)
    for client, connection, account in numbers.values():
        rows = all_rows(client, "/v1/budgets")
        seen = {(row["scope"], row["connection_id"], row["account_id"]): row for row in rows}
        own, acc = public_id("con", connection), public_id("acc", account)
        app, mine = ("app", None, None), ("account", own, acc)
        assert seen.keys() == {app, ("connection", own, None), mine}
        assert (seen[app]["kind"], seen[app]["calls"], seen[app]["left"]) == ("rate", 200, None)
        assert (seen[mine]["endpoint"], seen[mine]["left"]) == ("transactions", 3)
        assert seen[mine]["window_seconds"] == 86_400


def test_what_the_bank_said_is_shown(sqlite_api: Api) -> None:
    """sync.md 22, 23: how many calls are left by its own word, and until when."""
    client = sqlite_api.signed_in("ada")
    connection = Books(sqlite_api.penstock.database).connection(sqlite_api.person("ada"))
    use = Use("told", "sandbox", Scope.CONNECTION, None, connection)
    now = sqlite_api.clock()
    standing = heed(UNTOUCHED, Told("", 10, 0, timedelta(minutes=1)), now)

    def store(one: sa.Connection) -> None:
        budgets.lock(one, [use], now=now)
        budgets.save(one, use, standing, now=now)

    sqlite_api.write(store)
    (row,) = client.get("/v1/budgets").json()["rows"]
    until = "2026-11-21T09:31:00Z"
    assert row["told"] == {"limit": 10, "left": 0, "until": until}
    assert (row["left"], row["free_at"], row["calls"]) == (0, until, None)
    sqlite_api.clock.advance(minutes=1)
    assert client.get("/v1/budgets").json()["rows"] == []


def broken(now: Any) -> Breaker:
    """Return a breaker that has just opened."""
    breaker = HEALTHY
    for run in range(RUNS):
        breaker = after_trouble(breaker, f"{run}", now)
    return breaker


def test_nobody_learns_where_others_bank(api: Api) -> None:
    """sync.md 24, X1: a breaker is shown to who has a connection there; a provider's to all."""
    books, now = Books(api.penstock.database), api.clock()
    for institution in ("", "ours", "theirs"):
        api.write(breakers.lock, "sandbox", institution)
        api.write(breakers.save, "sandbox", institution, broken(now))
    ada, ben = api.signed_in("ada"), api.signed_in("ben")
    for name, institution in (("ada", "ours"), ("ben", "theirs")):
        number = books.connection(api.person(name), institution_id=institution)
        assert number
    for client, mine in ((ada, "ours"), (ben, "theirs")):
        rows = client.get("/v1/breakers").json()["rows"]
        assert [row["institution_id"] for row in rows] == [None, mine]
        assert {(row["state"], row["failed_syncs"]) for row in rows} == {("open", RUNS)}
        assert rows[0]["probe_at"] == (now + FIRST).isoformat().replace("+00:00", "Z")
    api.clock.advance(seconds=FIRST.total_seconds())
    assert {row["state"] for row in ada.get("/v1/breakers").json()["rows"]} == {"half_open"}


def test_metrics_tell_what_is_left_and_who_is_left_alone(sqlite_api: Api) -> None:
    """sync.md 23, 24: by connector, scope and institution; no number of anybody's connection."""
    connection = Books(sqlite_api.penstock.database).connection(sqlite_api.person("ada"))
    spent(sqlite_api, connection, *LIMITS)
    sqlite_api.write(breakers.lock, "sandbox", "ours")
    sqlite_api.write(breakers.save, "sandbox", "ours", broken(sqlite_api.clock()))
    shown = sqlite_api.penstock.metrics.render()[0].decode()
    assert 'penstock_quota_left{connector="sandbox",scope="account"} 3.0' in shown
    assert 'penstock_quota_left{connector="sandbox",scope="connection"} 23.0' in shown
    assert 'penstock_breaker_state{connector="sandbox",institution="ours"} 2.0' in shown


def test_the_operators_rates_are_in_force() -> None:
    """sync.md 23: PENSTOCK_PROVIDER_RATES names connectors that are there; a slip is an error."""
    settings = Settings(provider_rates=("sandbox=200/s", "starling=5/s"))
    second = timedelta(seconds=1)
    connectors = connectors_of(settings)
    assert rates_of(settings, connectors) == {
        "sandbox": rate(200, second),
        "starling": rate(5, second),
    }
    for wrong in ("sandbocks=1/s", "sandbox=fast"):
        with pytest.raises(InvalidInput):
            rates_of(settings.model_copy(update={"provider_rates": (wrong,)}), connectors)


def test_the_limits_in_force_are_shown(sqlite_api: Api) -> None:
    """sync.md 23: also before anything was asked."""
    client = sqlite_api.signed_in("ada")
    declared = client.get("/v1/budgets").json()
    assert (declared["rows"], declared["next_cursor"]) == ([], None)
    assert "sandbox" not in {limit["connector"] for limit in declared["limits"]}
    limits = {"sandbox": rate(100, timedelta(minutes=1))}
    meters = replace(sqlite_api.penstock.meters, rates=limits)
    sqlite_api.app.state.installation = replace(sqlite_api.penstock, meters=meters)
    now = client.get("/v1/budgets").json()["limits"]
    (shown,) = [limit for limit in now if limit["connector"] == "sandbox"]
    assert (shown["kind"], shown["calls"]) == ("rate", 100)
    assert (shown["scope"], shown["window_seconds"], shown["endpoint"]) == ("app", 60, None)
