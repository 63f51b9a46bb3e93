"""The operator is told of each thing once, whatever fails meanwhile."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from penstock.db import notices
from penstock.db.connections import connections
from penstock.db.quarantine import quarantine
from penstock.db.tie_outs import tie_outs
from penstock.domain.errors import TransportFailure
from penstock.domain.ids import public_id
from penstock.domain.secret import Secret
from penstock.engine.notices import EVERY, Listener, Notifier
from tests.databases import Database as Place
from tests.db.books import NOW, Books, open_books

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass
class Office:
    """An installation, its operator, and what the operator was told; time passes as it is told."""

    books: Books
    owner: int
    now: datetime = NOW
    mail: list[tuple[str, str, str]] = field(default_factory=list)
    deaf: set[str] = field(default_factory=set)
    notifiers: dict[str, Notifier] = field(default_factory=dict)

    async def tell(self, address: Secret, title: str, text: str) -> None:
        if address.reveal() in self.deaf:
            raise TransportFailure("nobody listens")
        self.mail.append((address.reveal(), title, text))

    def notifier(self, *, new: bool = False, **listeners: str) -> Notifier:
        """Return the notifier of one process."""
        known = listeners or {"ops": "mail"}
        return Notifier(
            database=self.books.database,
            listeners=[Listener(target, Secret(one)) for target, one in known.items()],
            tell=self.tell,
            clock=lambda: self.now,
            every=6 * HOUR,
            new_rows=new,
        )

    def passes(self, notifier: Notifier, after: timedelta = EVERY) -> list[str]:
        """Let time pass, look once, and return the titles of what was told then."""
        self.now += after
        before = len(self.mail)
        asyncio.run(notifier.pass_once())
        return [title for _, title, _ in self.mail[before:]]

    def connection(self, **values: Any) -> int:
        """Link a bank that is well unless `values` say otherwise."""
        well: dict[str, Any] = {"last_success_at": self.now, "institution_name": "Mill Bank"}
        return self.books.connection(self.owner, **(well | values))

    def change(self, number: int, **values: Any) -> None:
        """Let a connection be otherwise."""
        statement = connections.update().where(connections.c.id == number).values(values)
        self.books.database.write_now(lambda one: one.execute(statement))

    def put(self, table: sa.Table, **values: Any) -> None:
        """Write a row."""
        self.books.database.write_now(lambda one: one.execute(table.insert().values(values)))


@contextmanager
def office(place: Place) -> Iterator[Office]:
    """Open an office over a database."""
    with open_books(place.url) as books:
        yield Office(books, books.person())


def test_nobody_hears_anything_while_all_is_well(database: Place) -> None:
    """A fresh connection with a long consent and a sum that fits is no reason to write."""
    with office(database) as desk:
        number = desk.connection(consent_expires_at=NOW + 90 * DAY)
        account = desk.books.account(desk.owner, number)
        checked = {"currency": "EUR", "amount": 0, "candidates": "[]", "checked_at": NOW}
        desk.put(tie_outs, account_id=account, status="ok", **checked)
        notifier = desk.notifier()
        assert [desk.passes(notifier) for _ in range(3)] == [[], [], []]


def test_each_trouble_is_told_once_and_so_is_its_end(database: Place) -> None:
    """A sync that fails, then needs the person, then is well: three messages, each once."""
    with office(database) as desk:
        number = desk.connection(failures=1)
        notifier = desk.notifier()
        assert desk.passes(notifier) == []
        desk.change(number, failures=5, remedy_kind="wait", last_outcome="transient")
        assert desk.passes(notifier) == ["Penstock: Mill Bank is not synced: transient"]
        desk.change(number, failures=9)
        assert desk.passes(notifier) == []
        desk.change(number, remedy_kind="fix_code", last_outcome="contract")
        assert desk.passes(notifier) == ["Penstock: Mill Bank is not synced: contract"]
        desk.change(number, failures=0, last_success_at=desk.now)
        assert desk.passes(notifier) == ["Penstock: well again: Mill Bank is not synced: contract"]
        assert desk.passes(notifier) == []


def test_a_consent_is_told_of_at_each_step(database: Place) -> None:
    """14, 7 and 1 days before it ends, when it has ended, and when it was renewed."""
    with office(database) as desk:
        number = desk.connection(consent_expires_at=NOW + 20 * DAY)
        notifier = desk.notifier()
        days = [len(desk.passes(notifier, DAY)) for _ in range(21)]
        assert [day + 1 for day, told in enumerate(days) if told] == [1, 6, 13, 19, 20]
        titles = [title for _, title, _ in desk.mail]
        assert "was not synced for a day" in titles[0]
        assert "ends on 2026-12-10" in titles[1]
        assert any("has ended" in text for _, _, text in desk.mail)
        assert "penstock connect sandbox --renew con_" in desk.mail[-1][2]
        renewed = desk.now + 90 * DAY
        desk.change(number, consent_expires_at=renewed, last_success_at=desk.now)
        assert "well again" in desk.passes(notifier)[0]


def test_a_consent_that_the_bank_ended_is_told_at_once(database: Place) -> None:
    """What only the person can mend waits for no count of failures."""
    with office(database) as desk:
        desk.connection(consent="login_required", failures=1)
        assert "the consent for Mill Bank has ended" in desk.passes(desk.notifier())[0]


def test_what_is_not_synced_is_told(database: Place) -> None:
    """What nobody syncs for a day, what fails for a day, and what is parked."""
    with office(database) as desk:
        desk.connection(last_success_at=NOW - 25 * HOUR, institution_name="Old")
        desk.connection(last_success_at=NOW - 25 * HOUR, failures=2, institution_name="Ill")
        desk.connection(parked_at=NOW, failures=1, institution_name="Poison")
        desk.connection(disconnected_at=NOW, last_success_at=NOW - 99 * DAY)
        assert desk.passes(desk.notifier()) == ["Penstock: 3 to look at"]
        [(_, _, text)] = desk.mail
        assert [name in text for name in ("Old", "Ill", "Poison")] == [True] * 3


def test_what_rests_since_an_undo_is_told_as_that(database: Place) -> None:
    """No worker syncs it: the person's own word takes it out again."""
    with office(database) as desk:
        number = desk.connection(last_success_at=NOW - 25 * HOUR, paused_at=NOW - 24 * HOUR)
        assert desk.passes(desk.notifier()) == ["Penstock: Mill Bank was not synced for a day"]
        [(_, _, text)] = desk.mail
        assert "worker" not in text
        assert f"`penstock sync {public_id('con', number)}`" in text


def test_sums_and_rows_that_are_off_are_told(database: Place) -> None:
    """A tie-out that is broken, and rows in quarantine; again when the amount changes."""
    with office(database) as desk:
        number = desk.connection()
        account = desk.books.account(desk.owner, number, name="Rainy days", mask="4117")
        checked = {"currency": "EUR", "candidates": "[]", "checked_at": NOW}
        desk.put(tie_outs, account_id=account, status="difference", amount=5, **checked)
        kept = {"owner_id": desk.owner, "connection_id": number, "run_id": 1, "stream": "all"}
        kept |= {"reason": "no amount", "raw": b"{}", "created_at": NOW}
        desk.put(quarantine, **kept)
        notifier = desk.notifier()
        assert desk.passes(notifier) == ["Penstock: 2 to look at"]
        desk.put(quarantine, **kept)
        assert desk.passes(notifier) == []
        desk.books.database.write_now(lambda one: one.execute(tie_outs.update().values(amount=6)))
        assert desk.passes(notifier) == [
            "Penstock: Rainy days …4117 at Mill Bank does not add up in EUR"
        ]
        assert f"`penstock tie-out {public_id('acc', account)}`" in desk.mail[-1][2]


def test_new_rows_are_told_where_that_is_wanted(database: Place) -> None:
    """How many, and where; never the first copy, and no amount and no name of a payee."""
    with office(database) as desk:
        number = desk.connection()
        account = desk.books.account(desk.owner, number, mask="4100")
        other = desk.books.account(desk.owner, number, name="Card", mask="4134", label="Mine")
        desk.books.transactions(desk.owner, account, [{}] * 5)
        quiet, chatty = desk.notifier(), desk.notifier(new=True)
        assert desk.passes(chatty) == []
        desk.books.transactions(desk.owner, account, [{}, {}])
        assert desk.passes(quiet) == []
        assert desk.passes(chatty) == ["Penstock: 2 new at Mill Bank"]
        assert desk.passes(chatty) == []
        assert desk.mail[0][2] == "2 new at Mill Bank\n  2 in Current account …4100"
        desk.books.transactions(desk.owner, account, [{}])
        desk.books.transactions(desk.owner, other, [{}] * 3)
        assert desk.passes(chatty) == ["Penstock: 4 new at Mill Bank"]
        assert desk.mail[1][2].endswith("1 in Current account …4100, 3 in Mine")


def test_a_message_that_was_not_taken_is_sent_later(database: Place) -> None:
    """Each listener for itself: who hears is not told again, who does not is tried again later."""
    with office(database) as desk:
        desk.connection(parked_at=NOW)
        notifier = desk.notifier(good="mail", bad="hook")
        desk.deaf = {"hook"}
        assert len(desk.passes(notifier)) == 1
        failed = desk.books.database.read_now(notices.targets)
        assert (failed["bad"].failures, failed["bad"].error) == (1, "nobody listens")
        assert failed["good"].failures == 0
        waits = 0
        while desk.books.database.read_now(notices.targets)["bad"].failures < 4:
            desk.passes(notifier)
            waits += 1
        assert waits == 1 + 2 + 4
        desk.deaf = set()
        assert desk.passes(notifier, DAY) != []
        assert [to for to, _, _ in desk.mail].count("hook") == 1
        assert desk.books.database.read_now(notices.targets)["bad"].failures == 0


def test_one_process_of_many_tells(database: Place) -> None:
    """Two workers look in the same minute: one of them does, and each thing is told once."""
    with office(database) as desk:
        desk.connection(parked_at=NOW)
        one, other = desk.notifier(), desk.notifier()
        assert len(desk.passes(one)) == 1
        assert desk.passes(other, timedelta(seconds=1)) == []
        assert desk.passes(other) == []
        assert desk.passes(one) == []
        assert len(desk.mail) == 1


def test_whoever_is_new_hears_it_all_and_whoever_left_is_forgotten(database: Place) -> None:
    """A new address hears of what is the case now; one that was taken out leaves no row behind."""
    with office(database) as desk:
        desk.connection(parked_at=NOW)
        desk.passes(desk.notifier(old="mail"))
        assert len(desk.passes(desk.notifier(young="hook"))) == 1
        left = desk.books.database.read_now(notices.targets)
        assert left.keys() == {"young"}


def test_what_is_gone_does_not_recover(database: Place) -> None:
    """A connection that its person ended or deleted is spoken of no more."""
    with office(database) as desk:
        first, second = desk.connection(parked_at=NOW), desk.connection(parked_at=NOW)
        notifier = desk.notifier()
        assert desk.passes(notifier) == ["Penstock: 2 to look at"]
        desk.change(first, disconnected_at=desk.now)
        gone = connections.delete().where(connections.c.id == second)
        desk.books.database.write_now(lambda one: one.execute(gone))
        assert desk.passes(notifier) == []
