"""Whose hand wrote: PostgreSQL notes each row that is written, with the fence that is in force.

A commit writes its rows and the record of its run in one transaction: so it is known of each row
which run wrote it, and under which fence that run was opened. Triggers do it: it is the database's
word that is judged by, not ours.
"""

from typing import Final

import sqlalchemy as sa

_INSTALL: Final = """
CREATE SCHEMA torture;
CREATE TABLE torture.opened (run_id bigint PRIMARY KEY, fence bigint NOT NULL);
CREATE TABLE torture.recorded (act bigint NOT NULL, run_id bigint NOT NULL);
CREATE TABLE torture.written (act bigint NOT NULL, fence bigint NOT NULL);
CREATE FUNCTION torture.note_opening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO torture.opened
        SELECT NEW.id, fence FROM leases WHERE connection_id = NEW.connection_id;
    RETURN NULL;
END $$;
CREATE FUNCTION torture.note_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO torture.recorded VALUES (txid_current(), NEW.id);
    RETURN NULL;
END $$;
CREATE FUNCTION torture.note_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO torture.written
        SELECT txid_current(), fence FROM leases
        JOIN accounts ON accounts.connection_id = leases.connection_id
        WHERE accounts.id = NEW.account_id;
    RETURN NULL;
END $$;
CREATE TRIGGER note_opening AFTER INSERT ON runs
    FOR EACH ROW EXECUTE FUNCTION torture.note_opening();
CREATE TRIGGER note_run AFTER UPDATE ON runs
    FOR EACH ROW EXECUTE FUNCTION torture.note_run();
CREATE TRIGGER note_row AFTER INSERT OR UPDATE ON transactions
    FOR EACH ROW EXECUTE FUNCTION torture.note_row();
CREATE TRIGGER note_balance AFTER INSERT OR UPDATE ON balances
    FOR EACH ROW EXECUTE FUNCTION torture.note_row();
"""
_NOBODYS: Final = """
SELECT count(*) FROM torture.written WHERE NOT EXISTS (
    SELECT 1 FROM torture.recorded JOIN torture.opened USING (run_id)
    WHERE recorded.act = written.act AND opened.fence = written.fence
)
"""


def install(connection: sa.Connection) -> None:
    """Begin to note who writes."""
    connection.exec_driver_sql(_INSTALL)


def stale_writes(connection: sa.Connection) -> list[str]:
    """Say what was written by a run whose lease was somebody else's by then."""
    stale = int(connection.exec_driver_sql(_NOBODYS).scalar_one())
    written = int(connection.exec_driver_sql("SELECT count(*) FROM torture.written").scalar_one())
    if not written:
        return ["no write was noted"]
    return [f"{stale} of {written} rows were written under a foreign fence"] if stale else []


def remove(connection: sa.Connection) -> None:
    """Note no more."""
    connection.exec_driver_sql(
        "DROP TRIGGER note_row ON transactions; DROP TRIGGER note_balance ON balances;"
        "DROP TRIGGER note_opening ON runs; DROP TRIGGER note_run ON runs;"
        "DROP SCHEMA torture CASCADE"
    )
