"""A file's account and a bank's are one by their IBAN and currency, however either writes it."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from penstock.db import leases
from penstock.db.accounts import accounts
from penstock.domain.account import AccountSeen, AccountType
from penstock.domain.institution import Institution
from penstock.domain.update import Discovery
from penstock.engine.recognise import recognise
from tests.databases import Database
from tests.engine.house import House
from tests.engine.importing import import_file
from tests.engine.linking import at_home
from tests.files.samples import ROWS, ofx

IBAN = "DE89370400440532013000"


async def listed(home: House, *seen: AccountSeen) -> dict[str, int]:
    """Let a bank that was linked just now list its accounts."""
    now, at = home.penstock.clock(), home.penstock.database
    number = await home.link()
    lease = await at.write(
        leases.take, number, holder="test", now=now, until=now + timedelta(seconds=30)
    )
    assert lease is not None
    found = await at.write(
        recognise,
        lease,
        Discovery(Institution("bank", "The Bank"), seen),
        owner_id=home.owner_id,
        fingerprint=home.penstock.importer.fingerprint,
        now=now,
    )
    await at.write(leases.release, lease)
    return found.ids


def one(identity: str, *, name: str = "a", currency: str = "EUR") -> AccountSeen:
    """Make an account as a bank lists it."""
    return AccountSeen(name, "Current", AccountType.CHECKING, currency, None, identity)


WRITTEN = (IBAN, f"{IBAN} EUR", "DE89 3704 0044 0532 0130 00", f"{IBAN.lower()} EUR")


@pytest.mark.parametrize("identity", WRITTEN)
def test_a_bank_takes_over_what_files_told_of_its_iban(database: Database, identity: str) -> None:
    """sync.md 11: some banks have one IBAN for several currencies, and tell both."""

    async def story(home: House) -> None:
        [brought] = (await import_file(home, ofx(account=IBAN))).imports
        assert await listed(home, one(identity)) == {"a": brought.accounts[0].account_id}

    at_home(database, story)


@pytest.mark.parametrize("identity", WRITTEN)
def test_a_file_finds_the_account_of_a_bank(database: Database, identity: str) -> None:
    """sync.md 11: the other way round, beside a pocket of another currency."""

    async def story(home: House) -> None:
        pocket = one(f"{IBAN} USD", name="b", currency="USD")
        ids = await listed(home, one(identity), pocket)
        [brought] = (await import_file(home, ofx(account=IBAN))).imports
        assert [each.account_id for each in brought.accounts] == [ids["a"]]

    at_home(database, story)


@pytest.mark.parametrize("identity", [IBAN, f"{IBAN} USD"])
def test_another_currency_is_another_account(database: Database, identity: str) -> None:
    """What files told in euros never becomes an account in dollars."""

    async def story(home: House) -> None:
        [brought] = (await import_file(home, ofx(account=IBAN))).imports
        ids = await listed(home, one(identity, currency="USD"))
        [file_account] = brought.accounts
        assert ids["a"] != file_account.account_id
        query = sa.select(accounts.c.currency, accounts.c.active)
        stored = await home.all(query.where(accounts.c.id == file_account.account_id))
        assert [tuple(row) for row in stored] == [("EUR", True)]

    at_home(database, story)


def test_files_in_two_currencies_of_one_iban_are_two_accounts(database: Database) -> None:
    """Each finds its own again."""

    async def story(home: House) -> None:
        for _ in range(2):
            for currency in ("EUR", "USD"):
                await import_file(home, ofx(ROWS, account=IBAN, currency=currency))
        stored = await home.all(sa.select(accounts.c.currency).order_by(accounts.c.id))
        assert [row[0] for row in stored] == ["EUR", "USD"]

    at_home(database, story)
