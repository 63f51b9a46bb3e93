"""An account is known again: by its id, by what it says of itself, or by its looks if alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from penstock.db import accounts, connections, feeds, leases
from penstock.db.accounts import AccountRow
from penstock.db.leases import Lease
from penstock.domain.account import AccountSeen, AccountType
from penstock.domain.errors import LeaseLost
from penstock.domain.institution import Institution
from penstock.domain.update import Discovery
from penstock.engine.matching import match
from penstock.engine.recognise import recognise
from tests.databases import Database, Databases
from tests.db.books import NOW, Books, open_books


@pytest.fixture(scope="module")
def database(databases: Databases) -> Iterator[Database]:
    """Make one database for all of these tests: each makes a person of its own in it."""
    with databases.fresh() as database:
        yield database


def account(external_id: str, *, iban: str | None = None, mask: str | None = "42") -> AccountSeen:
    """Make an account as a bank lists it."""
    return AccountSeen(external_id, "Current", AccountType.CHECKING, "EUR", mask, iban)


def keyed(text: str) -> str:
    """Stand in for the keyed hash."""
    return f"hash of {text[::-1]}"


@dataclass(slots=True)
class Bench:
    """One connection, whose bank lists this and that."""

    books: Books
    owner: int
    connection: int
    lease: Lease

    def see(self, *listed: AccountSeen) -> dict[str, int]:
        """Let the bank list its accounts."""
        return self.books.database.write_now(
            recognise,
            self.lease,
            Discovery(Institution("bank", "The Bank"), listed),
            owner_id=self.owner,
            fingerprint=keyed,
            now=NOW,
        ).ids

    def stored(self) -> dict[str, AccountRow]:
        """Return the stored accounts by the bank's id."""
        rows = self.books.database.read_now(accounts.of_connection, self.connection)
        return {row.external_id: row for row in rows}

    def number(self) -> int:
        """Return the last change number that was given."""
        f = feeds.feeds.c
        query = sa.select(f.last).where(f.owner_id == self.owner)
        return int(self.books.database.read_now(lambda one: one.execute(query).scalar_one()))


@contextmanager
def bench(database: Database) -> Iterator[Bench]:
    """Open a bench with nothing on it."""
    with open_books(database.url) as books:
        owner = books.person()
        number = books.connection(owner)
        lease = books.database.write_now(
            leases.take, number, holder="test", now=NOW, until=NOW + timedelta(seconds=30)
        )
        assert lease is not None
        yield Bench(books, owner, number, lease)


def test_accounts_are_known_by_their_id(database: Database) -> None:
    """sync.md 26: the same id is the same account, whatever else the bank says of it now."""
    with bench(database) as it:
        first = it.see(account("a"), account("b", mask="77"))
        told = replace(account("a"), name="Renamed", currency="USD", mask=None)
        assert it.see(told, account("b", mask="77")) == first
        row = it.stored()["a"]
        assert (row.id, row.name, row.currency, row.mask) == (first["a"], "Renamed", "USD", None)


def test_nothing_changed_takes_no_number(database: Database) -> None:
    """sync.md 19: an account that is as it was is not written, and is no news in the feed."""
    with bench(database) as it:
        it.see(account("a", iban="X"), account("b"))
        number = it.number()
        rows = it.stored()
        assert {row.change_number for row in rows.values()} == {number}
        it.see(account("b"), account("a", iban="X"))
        assert (it.number(), it.stored()) == (number, rows)
        it.see(account("a", iban="X"), replace(account("b"), name="New name"))
        after = it.stored()
        assert it.number() == number + 1
        assert (after["a"], after["b"].change_number) == (rows["a"], number + 1)


def test_a_renewed_consent_with_new_ids_doubles_nothing(database: Database) -> None:
    """sync.md 26: known by a keyed hash of what it says of itself; the text is never stored."""
    with bench(database) as it:
        first = it.see(account("a1", iban="DE1"), account("b1", iban="DE2"))
        again = it.see(account("b2", iban="DE2", mask=None), account("a2", iban="DE1"))
        assert again == {"a2": first["a1"], "b2": first["b1"]}
        assert sorted(it.stored()) == ["a2", "b2"]
        assert {row.identity_hash for row in it.stored().values()} == {keyed("DE1"), keyed("DE2")}


def test_looks_are_enough_only_where_they_are_the_only_match(database: Database) -> None:
    """sync.md 26: type, currency, name and mask; with two alike on either side nobody guesses."""
    with bench(database) as it:
        first = it.see(account("a1"), account("b1", mask="77"))
        again = it.see(account("a2"), account("b2", mask="77"))
        assert again == {"a2": first["a1"], "b2": first["b1"]}
        twins = it.see(account("a3"), account("a4"))
        assert not set(twins.values()) & set(first.values())
        assert {row.external_id: row.active for row in it.stored().values()} == {
            "a2": False,
            "b2": False,
            "a3": True,
            "a4": True,
        }


@pytest.mark.parametrize("other", ["name", "type", "currency", "mask"])
def test_other_looks_are_another_account(database: Database, other: str) -> None:
    """sync.md 26: whatever differs in looks, without an id or a hash in common, is another one."""
    changed: dict[str, Any] = {
        "name": "Other",
        "type": AccountType.SAVINGS,
        "currency": "USD",
        "mask": "43",
    }
    with bench(database) as it:
        first = it.see(account("a1"))
        again = it.see(replace(account("a2"), **{other: changed[other]}))
        assert again["a2"] != first["a1"]


def test_no_looks_without_a_mask(database: Database) -> None:
    """sync.md 26: "Current account, EUR" alone is everybody's: that is no way to know one again."""
    with bench(database) as it:
        first = it.see(account("a1", mask=None))
        assert it.see(account("a2", mask=None))["a2"] != first["a1"]


def test_another_identity_is_another_account_however_alike(database: Database) -> None:
    """sync.md 26: where both say who they are and it differs, looks do not count."""
    with bench(database) as it:
        first = it.see(account("old", iban="DE1"))
        again = it.see(account("new", iban="DE2"))
        assert again["new"] != first["old"]
        assert not it.stored()["old"].active
        third = it.see(account("newer"))
        assert third["newer"] not in {first["old"], again["new"]}, "two fit: nobody guesses"


def test_a_missing_account_becomes_inactive_and_may_return(database: Database) -> None:
    """sync.md 17: what the bank no longer lists is kept, said so in the feed, once; and revives."""
    with bench(database) as it:
        first = it.see(account("a"), account("b", mask="77"))
        label = accounts.accounts.update().values(label="mine", hidden=True)
        it.books.database.write_now(lambda one: one.execute(label))
        number = it.number()
        assert it.see(account("a")) == {"a": first["a"]}
        gone = it.stored()["b"]
        assert (gone.active, gone.change_number, gone.label) == (False, number + 1, "mine")
        it.see(account("a"))
        assert it.number() == number + 1, "it is no news twice"
        assert it.see(account("a"), account("b", mask="77")) == first
        back = it.stored()["b"]
        assert (back.active, back.change_number, back.label) == (True, number + 2, "mine")
        assert it.see() == {}
        assert {row.active for row in it.stored().values()} == {False}


def test_a_lost_lease_stores_no_account(database: Database) -> None:
    """sync.md 20: what a worker found after it lost its lease is not stored."""
    with bench(database) as it:
        it.books.database.write_now(leases.seize, it.connection)
        with pytest.raises(LeaseLost):
            it.see(account("a"))
        assert it.stored() == {}
        row = it.books.database.read_now(connections.get, it.connection)
        assert row.institution_name is None


def test_the_institution_is_told_by_the_bank(database: Database) -> None:
    """A connection is called by the institution that it reaches."""
    with bench(database) as it:
        it.see()
        row = it.books.database.read_now(connections.get, it.connection)
        assert (row.institution_id, row.institution_name) == ("bank", "The Bank")


NAMES = ["1", "2", "3", "4"]
IBANS = st.none() | st.sampled_from(["X", "Y"])
MASKS = st.none() | st.sampled_from(["42", "77"])
listings = st.lists(
    st.builds(
        lambda name, iban, mask: account(name, iban=iban, mask=mask),
        st.sampled_from(NAMES),
        IBANS,
        MASKS,
    ),
    max_size=4,
    unique_by=lambda seen: seen.external_id,
)


def as_stored(number: int, seen: AccountSeen) -> AccountRow:
    """Return an account as it would be stored."""
    return AccountRow(
        id=number,
        owner_id=1,
        connection_id=1,
        external_id=f"old {seen.external_id}" if number % 2 else seen.external_id,
        identity_hash=keyed(seen.identity) if seen.identity else None,
        parent_external_id=None,
        name=seen.name,
        type=seen.type,
        currency=seen.currency,
        mask=seen.mask,
        active=True,
        created_at=NOW,
        label=None,
        hidden=False,
        start_on=None,
        change_number=1,
    )


@given(listings, listings, st.permutations(range(4)))
def test_no_account_is_taken_for_two(
    before: list[AccountSeen], after: list[AccountSeen], order: list[int]
) -> None:
    """sync.md 26: every match is one to one, never against its identity, and order is no matter."""
    stored = [as_stored(number, seen) for number, seen in enumerate(before, 1)]
    hashes = {seen.external_id: keyed(seen.identity) for seen in after if seen.identity}
    found = match(stored, after, hashes)
    assert len({row.id for row in found.values()}) == len(found)
    for external_id, row in found.items():
        theirs, ours = hashes.get(external_id), row.identity_hash
        assert row.external_id == external_id or None in (theirs, ours) or theirs == ours
    shuffled = [after[place] for place in order if place < len(after)]
    assert match(stored[::-1], shuffled, hashes) == found
