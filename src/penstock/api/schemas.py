"""What bodies are made of: strict on the way in, exact on the way out."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from penstock.domain.currency_codes import CODE, code_of
from penstock.domain.remedy import RemedyKind

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SHOWN: Final = r"^-?[0-9]+(\.[0-9]+)?$"
_EXACT: Final = re.compile(r"^-?[0-9]{1,20}(\.[0-9]{1,18})?$")


class Incoming(BaseModel):
    """A body that is sent to us: no unknown fields, no text that stands for a number."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Outgoing(BaseModel):
    """A body that we send."""

    model_config = ConfigDict(frozen=True)


def _day(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    if isinstance(value, date) or value is None:
        return value
    if isinstance(value, str) and _DAY.fullmatch(value):
        return date.fromisoformat(value)
    raise ValueError("write a day as YYYY-MM-DD")


def _yes(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    if value in ("true", "false"):
        return value == "true"
    if isinstance(value, bool):
        return value
    raise ValueError("write true or false")


def _exact(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    if isinstance(value, str) and _EXACT.fullmatch(value):
        return Decimal(value)
    raise ValueError("write a decimal number, such as -12.50")


def _currency(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    code = code_of(value) if isinstance(value, str) else None
    if code is None:
        raise ValueError("write a currency's code, such as EUR, or GBX for pence")
    return code


Day = Annotated[date, BeforeValidator(_day), Field(examples=["2026-11-20"])]
"""A day, `2026-11-30`; no other way of writing one is taken."""

Whole = int
"""A whole number. In JSON 1.0 is one as well, and is read as one (strict_json.py)."""

Amount = Annotated[
    Decimal,
    PlainSerializer(lambda amount: format(amount, "f"), return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "examples": ["-12.50"]}),
]
"""An exact decimal, which travels as a string."""


def _id(prefix: str) -> Any:  # noqa: ANN401 - FastAPI's own marker has no type to name
    return Field(description="A public id.", examples=[f"{prefix}_0000000000011"])


ConnectionId = Annotated[str, _id("con")]
AccountId = Annotated[str, _id("acc")]
BalanceId = Annotated[str, _id("bal")]
HoldingId = Annotated[str, _id("hol")]
TransactionId = Annotated[str, _id("txn")]
SyncId = Annotated[str, _id("run")]
LinkId = Annotated[str, _id("lnk")]
SuggestionId = Annotated[str, _id("sug")]
SecurityId = Annotated[str, _id("sec")]
SecurityEventId = Annotated[str, _id("sev")]
QuarantineId = Annotated[str, _id("qua")]

Moment = Annotated[datetime, Field(examples=["2026-11-21T09:30:00Z"])]
"""An instant on its way out, in UTC."""

On = Annotated[date, Field(examples=["2026-11-20"])]
"""A day of the bank on its way out."""

NextCursor = Annotated[
    str | None,
    Field(description="For the page after this one; null: there is none.", examples=["v0e_x-xWWz"]),
]

AmountText = Annotated[
    str, Field(description="Exact; + is towards you.", pattern=_SHOWN, examples=["-12.50"])
]
"""An exact decimal on its way out, written already."""

Currency = Annotated[str, Field(description="ISO 4217.", examples=["EUR"])]

CurrencyCode = Annotated[
    str,
    BeforeValidator(_currency),
    WithJsonSchema({"type": "string", "pattern": f"^{CODE}$", "examples": ["EUR"]}),
]
"""A currency that is asked for or set, in small letters or in capitals: `eur` is EUR."""

Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""A text of one line that a person gives."""

Lines = Annotated[str, Field(min_length=1, max_length=4000, pattern=r"^[^\x00]*$")]
"""A text that a person gives, with line breaks if they like."""

Yes = Annotated[bool, BeforeValidator(_yes)]
"""A switch in a query string: `true` or `false`, no other way of writing one is taken."""

ExactNumber = Annotated[
    Decimal,
    BeforeValidator(_exact),
    WithJsonSchema({"type": "string", "pattern": _EXACT.pattern, "examples": ["-12.50"]}),
]
"""An exact decimal in a query string: at most 20 digits before the point, 18 after it."""


class Attempt(Incoming):
    """Whether to do it, or only to say what it would do."""

    dry_run: Annotated[bool, Field(description="Only say it.", examples=[True])] = True


class Remedy(Outgoing):
    """Who has to act about a failure, and how."""

    kind: Annotated[RemedyKind, Field(examples=["ask_person"])]
    text: Annotated[str, Field(examples=["Renew the consent: `penstock connect --renew ID`."])]
    until: Annotated[Moment | None, Field(description="Until when to wait, where that is known.")]


def remedy(kind: str | None, text: str | None, until: datetime | None) -> Remedy | None:
    """Return a stored remedy as it is shown."""
    if kind is None:
        return None
    return Remedy(kind=RemedyKind(kind), text=text or "", until=until)
