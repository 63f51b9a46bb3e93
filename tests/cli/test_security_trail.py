"""What `penstock doctor --security` sees of the audit log's end and of decoys, good and bad."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from penstock.cli.doctor.security import trail
from penstock.cli.doctor.security.finding import Grade
from penstock.db import decoys
from penstock.db.audit import AuditLog, audit, audit_head, audit_key
from penstock.db.lane import Database
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.vault.cipher import Cipher
from tests.cli.stored import KEY, NOW, Story, seen
from tests.security.tampering import without_guards

OK, ATTENTION, FAILED = Grade.OK, Grade.ATTENTION, Grade.FAILED


def recorded(*tampering: sa.Executable) -> Story:
    """Record three deeds, and then do to the tables what no program of ours does."""

    def story(connection: sa.Connection) -> None:
        log = AuditLog(Cipher(KEY))
        for subject in ("ses_1", "ses_2", "ses_3"):
            log.record(connection, AuditEvent(AuditKind.SIGNED_IN, subject=subject), now=NOW)
        if tampering:
            without_guards(connection)
        for deed in tampering:
            connection.execute(deed)

    return story


def test_a_log_that_was_touched_is_seen(store: Database) -> None:
    """X3: a record that was changed, or is gone, and another head, are failures."""
    c = audit.c
    assert seen(store, trail.chain) == [OK]
    assert seen(store, trail.chain, recorded()) == [OK, OK]
    changed = audit.update().where(c.number == 2).values(subject="ses_9")
    assert seen(store, trail.chain, recorded(changed)) == [OK, FAILED]
    assert seen(store, trail.chain, recorded(audit.delete().where(c.number == 2))) == [OK, FAILED]
    assert seen(store, trail.chain, recorded(audit.delete().where(c.number == 3))) == [FAILED, OK]
    older = audit_head.update().values(number=2)
    assert seen(store, trail.chain, recorded(older)) == [FAILED, OK]
    assert seen(store, trail.chain, recorded(audit_head.delete())) == [FAILED, OK]
    assert seen(store, trail.chain, recorded(audit_key.delete())) == [FAILED]


def test_missing_decoys_are_seen(store: Database) -> None:
    """K4: where none is planted, a stolen dump would not be noticed."""
    assert seen(store, trail.planted) == [ATTENTION]
    assert seen(store, trail.planted, lambda c: decoys.add(c, "m")) == [OK]


def test_a_decoy_that_was_tried_is_seen(store: Database) -> None:
    """K4: who tried one had the database: that is a failure for a month."""

    def tried(when: datetime) -> Story:
        event = AuditEvent(AuditKind.DECOY_TOUCHED, facts={"decoy": "refresh token"})
        return lambda c: AuditLog(Cipher(KEY)).record(c, event, now=when)

    assert seen(store, trail.touched) == []
    assert seen(store, trail.touched, tried(NOW)) == [FAILED]
    assert seen(store, trail.touched, tried(NOW - timedelta(days=40))) == []
