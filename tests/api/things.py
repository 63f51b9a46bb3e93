"""How to make, for a person, each thing that a route knows by an id: one line a path parameter.

They are written as rows, without a bank: what is tested with them is who may see them. All that
is one person's belongs together: one connection, one account in it, its transaction, balance and
holding.
"""

import secrets
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import sqlalchemy as sa

from penstock.db import (
    accounts,
    balances,
    clients,
    connections,
    consents,
    factors,
    feeds,
    leases,
    links,
    quarantine,
    runs,
    suggestions,
)
from penstock.db.clients import ClientRow
from penstock.db.holdings import holdings
from penstock.db.transactions import transactions
from penstock.domain.ids import public_id
from penstock.identity.caller import Caller
from penstock.identity.personal import Wish
from penstock.identity.scopes import ALL, Scope
from tests.api.secured import add_security, add_security_event
from tests.api.serving import NOWHERE, Api

Maker = Callable[[Api, int], str]
"""Makes a thing of this person, and returns its public id."""


def _session(api: Api, owner_id: int) -> str:
    issued = api.play(lambda: api.identity.begin_session(owner_id, NOWHERE))
    caller = api.play(lambda: api.identity.authenticate(issued.access.reveal()))
    return public_id("ses", caller.session_id)


def _token(api: Api, owner_id: int) -> str:
    caller = Caller(owner_id, 0, "", ALL)
    wish = Wish("a script", frozenset({Scope.READ}))
    made = api.play(lambda: api.identity.personal.make(caller, wish, NOWHERE))
    return public_id("pat", made.row.id)


def _connection(api: Api, owner_id: int) -> str:
    return public_id("con", api.write(_add_connection, api, owner_id))


def _account(api: Api, owner_id: int) -> str:
    return public_id("acc", api.write(_add_account, api, owner_id))


def _transaction(api: Api, owner_id: int) -> str:
    return public_id("txn", api.write(_add_transaction, api, owner_id))


def _run(api: Api, owner_id: int) -> str:
    return public_id("run", api.write(_add_run, api, owner_id))


def _link(api: Api, owner_id: int) -> str:
    return public_id("lnk", api.write(_add_link, api, owner_id))


def _suggestion(api: Api, owner_id: int) -> str:
    return public_id("sug", api.write(_add_suggestion, api, owner_id))


def _quarantined(api: Api, owner_id: int) -> str:
    return public_id("qua", api.write(_add_quarantined, api, owner_id))


def _security(api: Api, owner_id: int) -> str:
    account_id = api.write(_add_account, api, owner_id)
    return public_id("sec", api.write(add_security, api, owner_id, account_id))


def _holding(api: Api, owner_id: int) -> str:
    api.write(_add_account, api, owner_id)
    query = sa.select(holdings.c.id).where(holdings.c.owner_id == owner_id)
    return public_id("hol", api.read(lambda one: one.execute(query).scalars().first()) or 0)


def _security_event(api: Api, owner_id: int) -> str:
    account_id = api.write(_add_account, api, owner_id)
    return public_id("sev", api.write(add_security_event, api, owner_id, account_id))


def _factor(api: Api, owner_id: int) -> str:
    values = {"user_id": owner_id, "kind": "totp", "name": "phone", "created_at": api.clock()}
    return public_id("fac", api.write(factors.create, values))


def _add_connection(connection: sa.Connection, api: Api, owner_id: int) -> int:
    for row in connections.page(connection, owner_id=owner_id):
        return row.id
    made = connections.create(connection, owner_id=owner_id, connector="sandbox", now=api.clock())
    leases.open_lease(connection, made)
    return made


def _add_run(connection: sa.Connection, api: Api, owner_id: int) -> int:
    return runs.begin(
        connection,
        owner_id=owner_id,
        connection_id=_add_connection(connection, api, owner_id),
        trigger="test",
        request_id=None,
        now=api.clock(),
    )


def _add_account(connection: sa.Connection, api: Api, owner_id: int) -> int:
    connection_id = _add_connection(connection, api, owner_id)
    for row in accounts.of_connection(connection, connection_id):
        return row.id
    values = {
        "owner_id": owner_id,
        "connection_id": connection_id,
        "external_id": "a-1",
        "name": "Current account",
        "type": "checking",
        "currency": "EUR",
        "active": True,
        "created_at": api.clock(),
        "change_number": feeds.next_change(connection, owner_id),
    }
    account_id = accounts.create(connection, values)
    _add_balance(connection, api, owner_id, account_id)
    _add_holding(connection, api, owner_id, account_id)
    return account_id


def _add_balance(connection: sa.Connection, api: Api, owner_id: int, account_id: int) -> None:
    row = {
        "owner_id": owner_id,
        "account_id": account_id,
        "run_id": 1,
        "kind": "current",
        "amount": Decimal("100.00"),
        "currency": "EUR",
        "as_of": api.clock(),
        "as_of_on": api.clock().date(),
        "observed_at": api.clock(),
        "change_number": feeds.next_change(connection, owner_id),
    }
    balances.append(connection, [row])


def _add_holding(connection: sa.Connection, api: Api, owner_id: int, account_id: int) -> None:
    values = {
        "owner_id": owner_id,
        "account_id": account_id,
        "external_id": "h-1",
        "name": "Mill & Weir",
        "type": "stock",
        "quantity": Decimal("2.5"),
        "currency": "EUR",
        "as_of": api.clock(),
        "first_run_id": 1,
        "created_at": api.clock(),
        "updated_at": api.clock(),
        "change_number": feeds.next_change(connection, owner_id),
    }
    connection.execute(holdings.insert().values(values))


def _add_transaction(connection: sa.Connection, api: Api, owner_id: int) -> int:
    known = sa.select(transactions.c.id).where(transactions.c.owner_id == owner_id)
    for number in connection.execute(known).scalars():
        return int(number)
    values = {
        "owner_id": owner_id,
        "account_id": _add_account(connection, api, owner_id),
        "external_id": "t-1",
        "status": "posted",
        "amount": Decimal("-12.50"),
        "currency": "EUR",
        "dated_on": date(2026, 11, 20),
        "booked_on": date(2026, 11, 20),
        "description": "Bakery",
        "first_run_id": 1,
        "last_run_id": 1,
        "created_at": api.clock(),
        "updated_at": api.clock(),
        "change_number": feeds.next_change(connection, owner_id),
    }
    made = connection.execute(transactions.insert().values(values).returning(transactions.c.id))
    return int(made.scalar_one())


def _add_suggestion(connection: sa.Connection, api: Api, owner_id: int) -> int:
    row = _add_transaction(connection, api, owner_id)
    new = suggestions.New(
        owner_id=owner_id,
        account_id=_add_account(connection, api, owner_id),
        run_id=1,
        kind=suggestions.Kind.SWEEP,
        subject="a test",
        reason="The bank no longer tells 1 row.",
        rows={row: suggestions.Role.MISSING},
    )
    suggestions.suggest(connection, new, now=api.clock())
    (made,) = suggestions.page(connection, owner_id=owner_id, state=None, after=0, limit=1)
    return made.id


def _add_quarantined(connection: sa.Connection, api: Api, owner_id: int) -> int:
    row = {
        "owner_id": owner_id,
        "connection_id": _add_connection(connection, api, owner_id),
        "run_id": 1,
        "stream": "transactions",
        "account": "a-1",
        "external_id": "t-2",
        "reason": "`amount` is missing",
        "raw": b'{"id": "t-2"}',
        "created_at": api.clock(),
    }
    quarantine.keep(connection, [row])
    (made,) = quarantine.page(connection, owner_id=owner_id, every=False, after=0, limit=1)
    return made.id


def _add_link(connection: sa.Connection, api: Api, owner_id: int) -> int:
    values = {
        "state_hash": f"state of {owner_id}",
        "owner_id": owner_id,
        "connector": "sandbox",
        "plan": 0,
        "redirect_uri": "http://127.0.0.1:1/callback/sandbox",
        "created_at": api.clock(),
        "expires_at": api.clock() + timedelta(minutes=10),
    }
    return links.create(connection, values)


def _client(api: Api, _: int) -> str:
    row = ClientRow(
        id=f"app_{secrets.token_urlsafe(12)}",
        name="Budget",
        secret_hash=None,
        redirect_uris="https://budget.example/callback",
        scope="read",
        created_at=api.clock(),
    )
    api.write(clients.create, row)
    return row.id


def _consent(api: Api, owner_id: int) -> str:
    client_id = _client(api, owner_id)
    api.write(consents.save, owner_id=owner_id, client_id=client_id, scope="read", now=api.clock())
    (made,) = api.read(consents.page, owner_id=owner_id)
    return public_id("cns", made.id)


MAKERS: Final[Mapping[str, Maker]] = {
    "account_id": _account,
    "client_id": _client,
    "connection_id": _connection,
    "consent_id": _consent,
    "event_id": _security_event,
    "factor_id": _factor,
    "holding_id": _holding,
    "link_id": _link,
    "quarantine_id": _quarantined,
    "security_id": _security,
    "session_id": _session,
    "suggestion_id": _suggestion,
    "sync_id": _run,
    "token_id": _token,
    "transaction_id": _transaction,
}
