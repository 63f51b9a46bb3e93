"""Answers of sources that speak JSON, and how to read them in a test."""

from datetime import UTC, datetime

import msgspec

from penstock.domain.quote import Quote, QuoteError
from penstock.domain.request import Response
from penstock.quotes.declaration import Declaration, read_declaration
from penstock.quotes.read import read_quote, read_quotes
from tests.quotes.answers import recorded, symbol

JSON = {"content-type": "application/json; charset=utf-8"}


def at(*parts: int) -> datetime:
    """Return an instant in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]  # year to second


def said(body: bytes | str, status: int = 200) -> Response:
    """Return an answer in JSON."""
    return Response(status, JSON, body.encode() if isinstance(body, str) else body)


def declared(name: str) -> Declaration:
    """Return a declaration that is there for the tests alone."""
    return read_declaration(recorded(name).decode(), name)


def read(source: Declaration, asked: str, body: bytes | str, now: datetime) -> Quote:
    """Read one quote of the first form in which the source may be asked for a symbol."""
    return read_quote(source, symbol(asked), said(body), now, asked)


def read_all(
    source: Declaration, asked: list[str], body: bytes | str, now: datetime
) -> list[Quote | QuoteError]:
    """Read several quotes of one answer, in their order."""
    wanted = {symbol(text): text for text in asked}
    quotes = read_quotes(source, wanted, said(body), now)
    return [quotes[one] for one in wanted]


class _Answer(msgspec.Struct):
    body: msgspec.Raw = msgspec.field(name="bodyJson")


class _Exchange(msgspec.Struct):
    response: _Answer


def body_of(exchange: bytes) -> bytes:
    """Return the answer in a recorded exchange, in the digits that were recorded."""
    return bytes(msgspec.json.decode(exchange, type=_Exchange).response.body)
