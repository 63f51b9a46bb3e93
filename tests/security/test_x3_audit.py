"""X3: the audit log cannot be changed without being seen, whoever owns the database."""

import threading
from collections.abc import Callable
from contextlib import closing

import pytest
import sqlalchemy as sa

from penstock.db.audit import (
    KEY_PLACE,
    AuditHead,
    AuditLog,
    audit,
    audit_head,
    audit_key,
    find_key,
)
from penstock.db.audit import page as audit_page
from penstock.db.audit_check import Verdict, read_head
from penstock.db.connect import open_database
from penstock.domain.asking import Asking, Via, asked_by
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.errors import InvalidInput
from penstock.observe.log import bind_request_id
from penstock.vault.cipher import Cipher
from penstock.vault.key import Key
from tests.databases import Database
from tests.security.tampering import (
    BROKEN,
    KEY,
    NOW,
    cut,
    cut_all,
    cut_and_copy_the_seal,
    cut_and_say_so,
    execute,
    lose_the_head,
    verdict,
    without_guards,
    written,
)


@pytest.mark.parametrize("attack", BROKEN)
def test_whoever_owns_the_database_is_seen(database: Database, attack: str) -> None:
    """X3: a record changed, taken out, swapped, added or written anew is named by `verify`."""
    change, number, proves = BROKEN[attack]
    with written(database.url) as (opened, log):
        assert verdict(opened, log).fault is None
        opened.write_now(without_guards)
        opened.write_now(change)
        fault = verdict(opened, log).fault
    assert fault is not None
    assert (fault.number, fault.proves.startswith(proves)) == (number, True), fault


@pytest.mark.parametrize(
    ("attack", "number", "proves"),
    [
        (cut, 4, "The end was cut off"),
        (cut_and_say_so, 3, "the head's row was changed"),
        (cut_and_copy_the_seal, 3, "the head's row was changed"),
        (cut_all, 1, "The end was cut off"),
        (lose_the_head, 5, "the head's row is gone"),
    ],
)
def test_a_cut_tail_is_seen(
    database: Database, attack: Callable[[sa.Connection], None], number: int, proves: str
) -> None:
    """X3: the last records cannot be cut off, nor the head made to say that there were fewer."""
    with written(database.url) as (opened, log):
        opened.write_now(without_guards)
        opened.write_now(attack)
        fault = verdict(opened, log).fault
    assert fault is not None
    assert (fault.number, proves in fault.proves) == (number, True), fault


def test_an_older_copy_is_seen_by_a_head_from_the_log(database: Database) -> None:
    """X3: who puts all back as it was, with its head, is found by a head kept elsewhere."""
    with written(database.url, 3) as (opened, log):
        kept = opened.read_now(lambda one: dict(one.execute(audit_head.select()).mappings().one()))
        for _ in range(2):
            opened.write_now(log.record, AuditEvent(AuditKind.EXPORTED), now=NOW)
        head = verdict(opened, log).head
        assert head.number == 5
        assert verdict(opened, log, read_head(str(head))).fault is None
        opened.write_now(without_guards)
        opened.write_now(cut)
        opened.write_now(lambda one: one.execute(audit_head.update().values(kept)))
        assert verdict(opened, log).fault is None  # nothing in the database tells
        fault = verdict(opened, log, head).fault
        assert fault is not None
        assert fault.number == 4
        opened.write_now(log.record, AuditEvent(AuditKind.EXPORTED), now=NOW)
        opened.write_now(log.record, AuditEvent(AuditKind.BACKED_UP), now=NOW)
        fault = verdict(opened, log, head).fault
    assert fault is not None
    assert (fault.number, "not that of the head" in fault.proves) == (5, True)


def test_the_database_itself_refuses_to_change_a_record(database: Database) -> None:
    """X3: a slip of ours cannot change or delete a record, nor take the head back."""
    slips = [
        audit.update().values(user_id=1),
        audit.delete(),
        audit_head.update().values(number=2),
        audit_head.delete(),
    ]
    with written(database.url) as (opened, log):
        for slip in slips:
            with pytest.raises(sa.exc.DBAPIError, match="append-only"):
                opened.write_now(execute, slip)
        assert verdict(opened, log) == Verdict(5, verdict(opened, log).head)


def test_without_its_key_the_log_is_not_whole(database: Database) -> None:
    """X3: a key that is gone, altered or another installation's is a fault, never a pass."""
    with written(database.url) as (opened, log):
        stranger = AuditLog(Cipher(Key(bytes(range(1, 33)))))
        fault = verdict(opened, stranger).fault
        assert fault is not None
        assert "cannot be opened" in fault.proves
        opened.write_now(lambda one: one.execute(audit_key.delete()))
        fault = verdict(opened, log).fault
        assert fault is not None
        assert "key is gone" in fault.proves


def test_the_chain_goes_on_when_the_master_key_turns(database: Database) -> None:
    """X3, K2: what a new master key seals anew is the same key: old records fit, and new ones."""
    newer = Cipher(Key(bytes(range(7, 39))), older=(KEY,))
    with written(database.url) as (opened, log):

        def turn(connection: sa.Connection) -> None:
            sealed = find_key(connection)
            assert sealed is not None
            again = newer.seal(Cipher(KEY).open(sealed, KEY_PLACE), KEY_PLACE)
            connection.execute(audit_key.update().values(sealed=again))

        opened.write_now(turn)
        opened.write_now(log.record, AuditEvent(AuditKind.KEY_ROTATED), now=NOW)
        after = AuditLog(Cipher(Key(bytes(range(7, 39)))))
        opened.write_now(after.record, AuditEvent(AuditKind.EXPORTED), now=NOW)
        assert verdict(opened, after).fault is None
        assert verdict(opened, after).records == 7


@pytest.mark.parametrize("first", [True, False])
def test_many_writers_leave_one_chain(database: Database, *, first: bool) -> None:
    """X3: eight processes that write at once, into an empty log too, leave no gap and no fork."""

    def work(number: int, url: str, failures: list[BaseException]) -> None:
        try:
            with closing(open_database(url)) as opened:
                log = AuditLog(Cipher(KEY))
                for _ in range(5):
                    opened.write_now(log.record, AuditEvent(AuditKind.EXPORTED, number), now=NOW)
        except BaseException as error:  # noqa: BLE001 - it is the test that must hear of it
            failures.append(error)

    with written(database.url, 0 if first else 1) as (opened, log):
        failures: list[BaseException] = []
        threads = [
            threading.Thread(target=work, args=(number, database.url, failures))
            for number in range(8)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert failures == []
        found = verdict(opened, log)
    assert (found.records, found.fault) == (40 if first else 41, None)


def test_what_was_rolled_back_leaves_no_record(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """X3: the deed and its record are one: neither is there without both."""
    with written(database.url, 1) as (opened, log):
        caplog.clear()

        def deed(connection: sa.Connection) -> None:
            log.record(connection, AuditEvent(AuditKind.EXPORTED), now=NOW)
            raise InvalidInput("something else went wrong")

        with pytest.raises(InvalidInput):
            opened.write_now(deed)
        assert "audit_recorded" not in caplog.text
        assert verdict(opened, log).records == 1


def test_the_head_goes_to_the_log(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """X3: each record's number and MAC are logged, as `verify --head` takes them."""
    caplog.set_level("INFO")
    with written(database.url, 2) as (opened, log):
        heads = [
            one.msg["head"]
            for one in caplog.records
            if isinstance(one.msg, dict) and one.msg.get("event") == "audit_recorded"
        ]
        assert len(heads) == 2
        for head in heads:
            assert verdict(opened, log, read_head(head)).fault is None


def test_a_record_says_who_from_where_and_at_whose_request(database: Database) -> None:
    """X3: who, what, when, from where and the request's id are in each record."""
    with written(database.url, 1) as (opened, log):
        asking = Asking(Via.API, "203.0.113.7", 4, 11)
        with asked_by(asking), bind_request_id("abc-1"):
            opened.write_now(log.record, AuditEvent(AuditKind.DISCONNECTED, 5, "con_1"), now=NOW)
        newest, oldest = opened.read_now(audit_page, owner_id=None)
    assert (newest.at, newest.kind, newest.user_id, newest.subject) == (
        NOW,
        "disconnected",
        5,
        "con_1",
    )
    assert (newest.via, newest.actor_id, newest.session_id) == ("api", 4, 11)
    assert (newest.address, newest.request_id) == ("203.0.113.7", "abc-1")
    assert (oldest.via, oldest.actor_id, oldest.address) == ("program", None, None)


@pytest.mark.parametrize(
    "text", ["", "5", "5:", "x:" + "0" * 64, "5:" + "0" * 63, "-5:" + "0" * 64]
)
def test_a_head_that_is_none_is_refused(text: str) -> None:
    """X3: a head that was mistyped is an error, never an answer."""
    with pytest.raises(InvalidInput):
        read_head(text)


def test_an_empty_log_is_whole(database: Database) -> None:
    """X3: a new installation has no records, and that is no fault; a head from elsewhere is."""
    with written(database.url, 0) as (opened, log):
        assert verdict(opened, log) == Verdict(0, AuditHead())
        fault = verdict(opened, log, AuditHead(1, "0" * 64)).fault
    assert fault is not None
    assert fault.number == 1


def test_a_key_that_was_rolled_back_is_forgotten(database: Database) -> None:
    """X3: of a deed that failed nothing is left, nor is the key that was drawn for its record."""
    event = AuditEvent(AuditKind.EXPORTED)

    def fail(connection: sa.Connection, log: AuditLog) -> None:
        log.record(connection, event, now=NOW)
        log.record(connection, event, now=NOW)
        raise ZeroDivisionError

    with closing(open_database(database.url)) as opened:
        log = AuditLog(Cipher(KEY))
        with pytest.raises(ZeroDivisionError):
            opened.write_now(fail, log)
        for _ in range(2):
            opened.write_now(log.record, event, now=NOW)
        found = verdict(opened, AuditLog(Cipher(KEY)))
    assert (found.records, found.fault) == (2, None)
