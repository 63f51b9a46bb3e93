"""What a file tells of an account, as a page of an update: each row under its name."""

from collections.abc import Sequence
from datetime import UTC, datetime, time

from penstock.domain.balance import BalanceKind, BalanceSeen
from penstock.domain.imported import FileRow, Stated, Statement
from penstock.domain.naming import Names
from penstock.domain.transaction import Removal, Status, TransactionSeen
from penstock.domain.update import Covered, Page


def page_of(account: str, statements: Sequence[Statement], source: str) -> Page:
    """Return what statements of one account tell, each row under its name.

    A row that another of them corrects, or takes back, is not told.
    """
    rows = [row for one in statements for row in one.rows]
    gone = {row.replaces for row in rows if row.replaces}
    removed = [external_id for one in statements for external_id in one.removed]
    told = [row for row in rows if not (row.id and (row.id in gone or row.id in removed))]
    names = Names()
    periods = [one.period for one in statements]
    return Page(
        upserts=[_seen(account, row, source, names) for row in told],
        removed=[Removal(account, f"{source}{one}") for one in dict.fromkeys(removed)],
        next_cursor=None,
        more=False,
        covered=[Covered(account, *period) for period in periods if period],
    )


def _seen(account: str, row: FileRow, source: str, names: Names) -> TransactionSeen:
    """Return a row under its id, or named by what it says: with what stood there after it."""
    seen = TransactionSeen(
        account="",
        external_id=row.id,
        status=Status.POSTED,
        amount=row.amount,
        currency=row.currency,
        booked_on=row.booked_on,
        value_on=row.value_on,
        authorized_on=None,
        description=row.description,
        counterparty=row.counterparty,
        category=row.category,
        reference=row.reference,
        original_amount=row.original_amount,
        original_currency=row.original_currency,
        pending_external_id=f"{source}{row.replaces}" if row.replaces else None,
    )
    says = seen
    if row.balance is not None:
        says = seen._replace(reference=f"{row.reference or ''}\n{row.balance.normalize()}")
    return seen._replace(account=account, external_id=f"{source}{names.name(says).external_id}")


def balance_of(account: str, said: Stated) -> BalanceSeen:
    """Return a balance; one without a time is of the end of its day, or of its beginning."""
    opening = said.kind is BalanceKind.OPENING
    moment = datetime.combine(said.on, time(0) if opening else time(23, 59, 59), UTC)
    return BalanceSeen(account, said.kind, said.amount, said.currency, said.at or moment, said.on)
