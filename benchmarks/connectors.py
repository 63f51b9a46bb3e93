"""How fast connectors read: parse and map, beside the bare typed decode of the same bytes.

    uv run --group bench python benchmarks/connectors.py [--json] [--quick]

Each connector reads the same world once over HTTP, through its own face of the sandbox bank, and
every answer is kept. Then, with no network, its streams are read again from those answers, as the
engine reads them: each answer is parsed, checked and mapped into transactions. Beside it the same
bodies are decoded by msgspec into structs in which each field has its type: days are dates,
instants datetimes, amounts decimals, also where they are written as texts. That is what anybody
has to do who wants the data typed, and no more: nothing is compared, checked or made of it.
The two take turns; `ratio` is the median of the rounds' ratios, `us` are microseconds for a
transaction.

A connector that reads a part of the world only (one account, the last two years) is given a larger
one, so that each has about as many transactions to read.
"""

import argparse
import asyncio
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import NoneType
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from penstock.domain.protocol import Pull
from penstock.domain.request import Request, Response
from penstock.domain.update import Page
from penstock.sandbox.faces.registry import FACES
from tests.connectors.driving import Ledger, by_hand
from tests.connectors.linking import connector_at, link
from tests.connectors.recording import Recorder, asked_for
from tests.sandbox.visitor import visiting

ROWS, QUICK_ROWS = 10_000, 2_000
ROUNDS, QUICK_ROUNDS = 9, 5
PAGE_SIZE = 500
WANTED = 4.0
MOST_DIGITS = 20


def main() -> None:
    """Measure each connector, and print the figures."""
    parser = argparse.ArgumentParser(description="Parse and map, beside a bare typed decode.")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--quick", action="store_true", help="fewer rows; ends within a minute")
    parser.add_argument("--only", metavar="NAME", help="measure this connector alone")
    given = parser.parse_args()
    rows = QUICK_ROWS if given.quick else ROWS
    rounds = QUICK_ROUNDS if given.quick else ROUNDS
    names = [face.name for face in FACES if given.only in {None, face.name}]
    figures = {name: measure(name, rows, rounds) for name in names}
    if given.json:
        print(json.dumps(figures))
        return
    for name, one in figures.items():
        print(f"{name:14}" + "  ".join(f"{what} {number:,.2f}" for what, number in one.items()))
    print(f"wanted: at most {WANTED} x")


def measure(name: str, rows: int, rounds: int) -> dict[str, float]:
    """Return microseconds a transaction, ours and bare, and our multiple of the bare."""
    read, bodies = asyncio.run(recorded(name, rows))
    told = read()
    if told < rows:
        read, bodies = asyncio.run(recorded(name, rows * rows // told))
        told = read()
    typed = [(msgspec.json.Decoder(type_of(body)), body) for body in bodies]
    gc.collect()
    gc.freeze()  # what is of the benchmark itself is not gone through while it measures
    ours, bare = [], []
    for _ in range(rounds):
        ours.append(timed(read))
        bare.append(timed(lambda: decode_all(typed)))
    ratios = [one / other for one, other in zip(ours, bare, strict=True)]
    return {
        "transactions": told,
        "us": round(statistics.median(ours) / told * 1e6, 3),
        "bare_us": round(statistics.median(bare) / told * 1e6, 3),
        "ratio": round(statistics.median(ratios), 2),
    }


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds of this process's CPU something took."""
    began = time.process_time()
    work()
    return time.process_time() - began


async def recorded(name: str, rows: int) -> tuple[Callable[[], int], Sequence[bytes]]:
    """Read a world through a face; return what reads it again, and the bodies that it reads."""
    async with visiting(transactions=rows, page_size=PAGE_SIZE, access_seconds=3600) as visitor:
        now = visitor.bank.world.now
        connector = connector_at(name, visitor.bank.url, clock=lambda: now)
        recorder = Recorder(
            connector, visitor.http, await link(connector, visitor.bank, visitor.http)
        )
        await recorder.update(Ledger())
    answers = recorder.answers
    _, discovery = by_hand(connector.discover(), lambda one: answers[asked_for(one)])
    streams = connector.streams(discovery)

    def read() -> int:
        return sum(rows_in(connector.pull(stream, None), answers) for stream in streams)

    pulled: set[str] = set()
    for stream in streams:
        by_hand(connector.pull(stream, None), lambda one: noted(one, answers, pulled))
    return read, [answers[one].body for one in sorted(pulled)]


def rows_in(pull: Pull, answers: dict[str, Response]) -> int:
    """Read a stream; return how many rows it had. A page is let go when the next one is read."""
    rows = 0
    sent: Response | None = None
    with suppress(StopIteration):
        while True:
            step = pull.send(sent)
            sent = answers[asked_for(step)] if isinstance(step, Request) else None
            rows += len(step.upserts) if isinstance(step, Page) else 0
    return rows


def decode_all(typed: Sequence[tuple[Any, bytes]]) -> None:
    """Decode every body, and let each go when the next one is decoded."""
    for decoder, body in typed:
        decoder.decode(body)


def noted(request: Request, answers: dict[str, Response], seen: set[str]) -> Response:
    """Answer a request, and note which it was."""
    seen.add(asked_for(request))
    return answers[asked_for(request)]


def type_of(body: bytes) -> Any:  # noqa: ANN401  it is a type
    """Return the type of what a body holds: structs with all their fields."""
    return typed_as([json.loads(body, parse_float=Decimal)])


def typed_as(values: Sequence[Any]) -> Any:  # noqa: ANN401  it is a type
    """Return one type for all of these values, as somebody would write it down by hand."""
    kinds = {type(value) for value in values}
    nullable = NoneType in kinds
    kinds.discard(NoneType)
    found: Any = Any
    if kinds == {dict}:
        found = struct_of([value for value in values if value is not None])
    elif kinds == {list}:
        found = list[typed_as([one for value in values for one in value or ()])]  # type: ignore[misc]  # made at run time
    elif kinds <= {int, Decimal} and Decimal in kinds:
        found = Decimal
    elif kinds == {str}:
        found = text_type([value for value in values if value is not None])
    elif len(kinds) == 1:
        (found,) = kinds
    return found | None if nullable and found is not Any else found


def text_type(texts: Sequence[str]) -> Any:  # noqa: ANN401  it is a type
    """Return what these texts write down: days, instants, amounts with a point, or only texts."""
    if all("." in text and len(text) < MOST_DIGITS for text in texts) and fits(texts, Decimal):
        return Decimal
    return next((kind for kind in (date, datetime) if fits(texts, kind)), str)


def fits(texts: Sequence[str], kind: Any) -> bool:  # noqa: ANN401  it is a type
    """Tell whether each of the texts can be read so."""
    try:
        msgspec.convert(texts, list[kind])
    except msgspec.ValidationError:
        return False
    return True


def struct_of(objects: Sequence[dict[str, Any]]) -> Any:  # noqa: ANN401  it is a type
    """Return a struct with every field that any of these objects has."""
    names = dict.fromkeys(name for one in objects for name in one)
    fields: list[Any] = []
    for number, name in enumerate(names):
        there = [one[name] for one in objects if name in one]
        kind = typed_as(there)
        default = None if len(there) < len(objects) else msgspec.NODEFAULT
        optional = kind if default is msgspec.NODEFAULT or kind is Any else kind | None
        fields.append((f"f{number}", optional, msgspec.field(default=default, name=name)))
    return msgspec.defstruct("Typed", fields, kw_only=True, gc=False)


if __name__ == "__main__":
    main()
