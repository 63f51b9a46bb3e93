"""How what the API says is written for people: instants as ages, amounts in columns, short ids."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from penstock.cli.failure import Misused
from penstock.domain.errors import NotFound

if TYPE_CHECKING:
    from rich.text import Text

_STEPS: Final = (
    (timedelta(minutes=1), timedelta(seconds=1), "s"),
    (timedelta(hours=1), timedelta(minutes=1), "min"),
    (timedelta(days=2), timedelta(hours=1), "h"),
    (timedelta.max, timedelta(days=1), "days"),
)
_ID_DIGITS: Final = 13


def age(instant: str | None, now: datetime) -> str:
    """Return how long ago an instant of the API was: `3 min ago`; `never` for None."""
    if instant is None:
        return "never"
    passed = now - at(instant)
    ahead = passed < timedelta(0)
    span = abs(passed)
    unit, word = next((unit, word) for below, unit, word in _STEPS if span < below)
    return f"in {span // unit} {word}" if ahead else f"{span // unit} {word} ago"


def at(instant: str) -> datetime:
    """Read an instant of the API."""
    return datetime.fromisoformat(instant).astimezone(UTC)


def minute(instant: str | None) -> str:
    """Write an instant in UTC, to the minute."""
    return f"{at(instant):%Y-%m-%d %H:%M}" if instant else ""


def money(amount: str | None) -> "Text":
    """Write an amount with its thousands parted; what is owed or spent in red."""
    from rich.text import Text

    if amount is None:
        return Text("")
    number = Decimal(amount)
    return Text(f"{number:,f}", style="red" if number < 0 else "")


def counted(number: int, noun: str) -> str:
    """Write how many there are: `1 row`, `2 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def full_id(prefix: str, text: str) -> str:
    """Complete an id that was written short: `3` and `con_3` are `con_0000000000003`.

    Raises Misused for what can be no such id, another kind's say.
    """
    from penstock.domain.ids import NOUNS, row_number

    digits = text.removeprefix(f"{prefix}_").lower()
    whole = f"{prefix}_{digits.rjust(_ID_DIGITS, '0')}"
    try:
        row_number(prefix, whole if digits else text)
    except NotFound:
        example = f"{prefix}_{'1'.rjust(_ID_DIGITS, '0')}"
        raise Misused(
            f"{text[:40]!r} is no id of a {NOUNS[prefix]}",
            remedy=f"Write it as {example}, or in short 1.",
        ) from None
    return whole


def remedy_text(remedy: Any) -> str:
    """Return what a remedy of the API says to do, or nothing."""
    return str(remedy.get("text") or "") if isinstance(remedy, dict) else ""


def ways(plans: list[dict[str, Any]]) -> str:
    """Name the ways to link: `by a token`; numbered, as `--plan` takes them, where there are more.

    Such as `by a token (--plan 0), in the browser (--plan 1)`.
    """
    named = ["by a token" if plan["kind"] == "token" else "in the browser" for plan in plans]
    if len(plans) == 1:
        return named[0]
    return ", ".join(
        f"{way} (--plan {plan['number']})" for way, plan in zip(named, plans, strict=True)
    )
