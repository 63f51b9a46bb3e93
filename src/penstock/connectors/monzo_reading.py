"""Reading one account of Monzo: what is told at any time, and then what is owed (monzo_cursor.py).

A list is told oldest first, in the order of ids, which grow with time; it goes on after the last id
of a page, and has ended where a page is empty.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import urlencode

from penstock.connectors.answer import answered_at, response_of
from penstock.connectors.by_creation import Reading
from penstock.connectors.holds import balances
from penstock.connectors.monzo_accounts import parse_accounts, parse_balance
from penstock.connectors.monzo_cursor import (
    FOUNDED,
    SEAM,
    Mark,
    Span,
    covered_from,
    owed_at,
    read_mark,
    recent_from,
    write_mark,
)
from penstock.connectors.monzo_errors import verdict_of
from penstock.connectors.monzo_rows import Rows, london, parse_rows
from penstock.connectors.wire import broken
from penstock.domain.errors import ContractBroken
from penstock.domain.protocol import Pull, VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.update import Balances, Covered, Page

A_DAY: Final = timedelta(days=1)
FORBIDDEN: Final = int(HTTPStatus.FORBIDDEN)

T = TypeVar("T")
_Asking = Generator[Request, Response | None, T]
_CatchingUp = Generator[Request | Page, Response | None, Span | None]


class Refused(Exception):
    """Monzo does not tell what is so old, at this time."""


@dataclass(frozen=True, slots=True)
class Api:
    """Monzo's API: where it is, and how many rows we want on a page."""

    base_url: str
    page_size: int

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Request:
        """Return a request."""
        return Request("GET", f"{self.base_url}/{path}{'?' * bool(query)}{urlencode(query or {})}")

    def balance(self, account: str) -> Request:
        """Return the request for an account's balance."""
        return self.get("balance", {"account_id": account})

    def transactions(self, account: str, since: str, before: str = "") -> Request:
        """Return the request for a page; one that has an end can do without its answer."""
        query = {"account_id": account, "expand[]": "merchant", "limit": str(self.page_size)}
        query |= {"since": since} | ({"before": before} if before else {})
        return replace(self.get("transactions", query), takes=(FORBIDDEN,) if before else ())


def read(api: Api, account: str, cursor: str | None, *, whole_history: bool) -> Pull:
    """Read an account; `whole_history` says whether a first reading asks for all. ContractBroken.

    What time it is, the bank says itself. A pending row of the days that are told, and that is not
    told, has ended.
    """
    mark = None if cursor is None else read_mark(cursor)
    before, now = yield from _available(api, account)
    recent = yield from _window(api, account, recent_from(mark, now))
    yield from map(_page, recent)
    owed = yield from _owed(api, account, mark, now, whole_history=whole_history)
    missing = (yield from _catch_up(api, account, owed)) if owed else None
    after, at = yield from _available(api, account)
    reading = _heard(recent)
    held = reading.held if before == after and reading.whole else None
    yield Balances(balances(account, after, at, london(at), held))
    yield Page(
        upserts=(),
        removed=(),
        next_cursor=write_mark(mark, reading, now, missing),
        more=False,
        covered=() if mark is None else (Covered(account, covered_from(mark, now), date.max),),
        said=() if missing is None else (_missing(missing),),
    )


def _available(api: Api, account: str) -> _Asking[tuple[tuple[Decimal, str], datetime]]:
    """Ask what is available on an account; return it with the bank's own time."""
    answer = response_of((yield api.balance(account)))
    return parse_balance(answer.body, account), answered_at(answer.headers, "balance")


def _owed(
    api: Api, account: str, mark: Mark | None, now: datetime, *, whole_history: bool
) -> _Asking[Span | None]:
    """Return what is to be read besides; at first that is all since the account was opened."""
    if mark is not None:
        return owed_at(mark, None, now)
    if not whole_history:
        return None
    listed = parse_accounts(response_of((yield api.get("accounts"))).body)
    opened = [one.created for one in listed if one.id == account and one.created]
    return owed_at(None, max(opened[0], FOUNDED + A_DAY) - A_DAY if opened else None, now)


def _catch_up(api: Api, account: str, owed: Span) -> _CatchingUp:
    """Read what is owed, the newest year first; return what is still owed after that.

    A year that is refused on the way is left out whole: what is told has no gaps.
    """
    until = owed.until
    for window in owed.windows():
        try:
            told = yield from _window(api, account, window.since, window.until + SEAM)
        except Refused:
            return Span(owed.since, until)
        yield from map(_page, told)
        until = window.since
    return None


def _window(
    api: Api, account: str, since: datetime, before: datetime | None = None
) -> _Asking[list[Rows]]:
    """Read what was created in a window, page by page, until nothing more is told.

    One that has an end may be refused: then it raises Refused.
    """
    asked: set[str] = set()
    told: list[Rows] = []
    after: str | None = _written(since)
    while after is not None:
        asked.add(after)
        request = api.transactions(account, after, _written(before) if before else "")
        response = response_of((yield request))
        if response.status == FORBIDDEN:
            raise _refusal(response)
        told.append(parse_rows(response.body, account))
        after = _after(told[-1], after, asked)
    return told


def _refusal(response: Response) -> Refused | ContractBroken:
    """Return what a 403 means to who can do without: one that waits for nobody is a fault."""
    verdict = verdict_of(response)
    if verdict.kind is VerdictKind.NOT_READY:
        return Refused()
    return broken("transactions", verdict.message)


def _after(rows: Rows, since: str, asked: set[str]) -> str | None:
    """Return after which id the list goes on; None where it has ended. Raises ContractBroken."""
    if rows.last is None or rows.last == since:
        return None
    if rows.last in asked:
        raise broken("transactions", "the list leads back to a page that was read")
    return rows.last


def _page(rows: Rows) -> Page:
    return Page(rows.upserts, rows.removed, None, more=True, unmapped=rows.unmapped)


def _heard(pages: Sequence[Rows]) -> Reading:
    reading = Reading()
    for rows in pages:
        reading.hear(rows.upserts, rows.made, whole=not rows.unmapped)
    return reading


def _missing(owed: Span) -> str:
    return (
        f"Transactions from {london(owed.since)} to {london(owed.until)} could not be read: they "
        "are told only in the five minutes after you allow access in the Monzo app. Renew the "
        "connection, allow it there, and sync at once."
    )


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
