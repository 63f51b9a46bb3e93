"""MX's lists: which rows are asked for, and which page of them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, timedelta

from aiohttp import web

from penstock.sandbox.faces import mx_shapes as shapes
from penstock.sandbox.faces.answers import Refusal
from penstock.sandbox.faces.mx_logins import Known

LEAST, USUAL, MOST = 10, 25, 1_000
USUAL_PAST, USUAL_AHEAD = timedelta(days=120), timedelta(days=5)


def page_of(request: web.Request, what: str, listed: Sequence[shapes.Shape]) -> bytes:
    """Write the page of a list that is asked for."""
    page, per_page = place(request)
    where = shapes.pagination(page, per_page, len(listed))
    part = listed[(page - 1) * per_page : page * per_page]
    return shapes.answer(**{what: part, "pagination": where})


def place(request: web.Request) -> tuple[int, int]:
    """Return which page is asked for, and of how many rows: 25 where that many may not be."""
    page, per_page = (request.query.get(name, "") for name in ("page", "records_per_page"))
    wanted = int(per_page) if per_page.isdecimal() else USUAL
    return max(1, int(page) if page.isdecimal() else 1), (
        max(wanted, LEAST) if wanted <= MOST else USUAL
    )


def found(request: web.Request, rows: Sequence[Known], today: date) -> Iterator[Known]:
    """Yield what was asked for: if nothing is said, the last 120 days and five to come."""
    since = _day(request, "from_date") or today - USUAL_PAST
    until = _day(request, "to_date") or today + USUAL_AHEAD
    changed = _day(request, "from_updated_at") or date.min
    for one in rows:
        in_time = since <= shapes.day_of(one.row) < until
        if in_time and changed <= one.changed.astimezone(UTC).date():
            yield one


def _day(request: web.Request, name: str) -> date | None:
    text = request.query.get(name)
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise Refusal(400, "invalid_request", f"{name} is no day") from None
