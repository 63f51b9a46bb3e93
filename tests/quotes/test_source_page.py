"""The worked example of docs/how-to/source.md, exactly as it is written there."""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import get_args

import pytest

from penstock.domain.quote import Quote, QuoteError, SourceUnavailable
from penstock.outbound.client import Outbound
from penstock.quotes.declared.ways import Extractor
from penstock.quotes.fetch import QuoteEngine
from penstock.quotes.own import OwnSource, check_file
from penstock.quotes.own_terms import Terms
from penstock.quotes.standing import shipped_ids, sources_in
from tests.cli.conftest import Terminal, in_front_of
from tests.quotes.answers import ROOT, FakeTime

TEXT = (ROOT / "docs" / "how-to" / "source.md").read_text(encoding="utf-8")
SYMBOL, PLACE = "DE0007164600", "127.0.0.1:8390"


def blocks(kind: str) -> list[str]:
    """Return the code blocks of a kind, in their order."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)


def written(folder: Path, place: str = PLACE) -> Path:
    """Do steps 1 and 2: write the answer and the declaration where the page says."""
    (answer,), (declaration, *_) = blocks("html"), blocks("toml")
    (folder / "kurse").mkdir(parents=True)
    (folder / "kurse" / SYMBOL).write_text(answer, encoding="utf-8")
    path = folder / "kurse.toml"
    path.write_text(declaration.replace(PLACE, place), encoding="utf-8")
    return path


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder as `python -m http.server` does, on a free port; give its host and port."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(30)
    server.server_close()


def fetched(folder: Path, place: str, *, allowed: bool = True) -> Quote | QuoteError:
    """Do step 4: ask the source, over real HTTP."""
    terms = Terms(taken=shipped_ids(), allowed=[place])
    sources = sources_in(folder, ["ecb", "kurse"], terms)
    time = FakeTime(datetime(2026, 8, 7, 18, tzinfo=UTC))

    async def run() -> Quote | QuoteError:
        async with Outbound(allow=[place] if allowed else []) as outbound:
            send = partial(outbound.send, connector="quotes")
            engine = QuoteEngine(sources.used, send, clock=time.clock, sleep=time.sleep)
            (outcome,) = await engine.fetch([SYMBOL])
            return outcome

    outcome = asyncio.run(run())
    assert timedelta(0) <= time.now - datetime(2026, 8, 7, 18, tzinfo=UTC) < timedelta(minutes=1)
    return outcome


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """Return a terminal in front of a home with the example in it."""
    written(tmp_path / "home" / "sources")
    return in_front_of(tmp_path / "home")


def test_the_check_says_what_the_page_says(terminal: Terminal) -> None:
    """Step 3 prints the line that the page shows."""
    path = terminal.home / "sources" / "kurse.toml"
    allowed = {"PENSTOCK_LOOPBACK_PROVIDERS": PLACE}
    right, wrong = re.findall(r"^```\n(kurse\.toml: .*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert terminal.good("sources", "check", str(path), **allowed).stdout == right
    text = path.read_text(encoding="utf-8").replace('price = "1177.98"', 'price = "1176.42"')
    path.write_text(text, encoding="utf-8")
    result = terminal.run("sources", "check", str(path), **allowed)
    assert (result.exit_code, result.stdout) == (1, wrong)


def test_the_source_is_used_as_the_page_says(tmp_path: Path) -> None:
    """Step 4 gives the last close of the page, of the end of that day's trading."""
    folder = tmp_path / "sources"
    with served(folder / "kurse") as place:
        written(folder, place)
        quote = fetched(folder, place)
    assert isinstance(quote, Quote), quote
    assert (str(quote.price), quote.currency, quote.source) == ("1177.98", "EUR", "kurse")
    assert quote.as_of == datetime(2026, 8, 7, 15, 35, tzinfo=UTC)


def test_past_days_are_read_as_the_page_says(tmp_path: Path) -> None:
    """The part about past days, added to the example, gives the closes that it says."""
    path = written(tmp_path)
    _, history, _ = blocks("toml")
    allowed = Terms(taken=shipped_ids(), allowed=[PLACE])
    path.write_text(path.read_text(encoding="utf-8") + history, encoding="utf-8")
    assert check_file(path, allowed).faults == ()
    wrong = path.read_text(encoding="utf-8").replace('"1176.42"', '"1176.24"')
    path.write_text(wrong, encoding="utf-8")
    assert [fault.field for fault in check_file(path, allowed).faults] == ["golden[1].closes"]


def test_what_the_operator_did_not_allow_is_not_asked(tmp_path: Path) -> None:
    """X2: a source on a private network is refused when it is read, and again when it is asked."""
    folder = tmp_path / "sources"
    with served(folder / "kurse") as place:
        path = written(folder, place)
        own: OwnSource = check_file(path, Terms(taken=shipped_ids()))
        assert [fault.field for fault in own.faults] == ["ask.isin"]
        assert isinstance(fetched(folder, place, allowed=False), SourceUnavailable)


def test_every_kind_of_reading_is_explained() -> None:
    """The page has a line for each way to find a price that there is."""
    kinds = {kind.__struct_config__.tag for kind in get_args(Extractor)}
    explained = re.findall(r"^\| `(\w+)` \| [^|]* \| [^|]* \|$", TEXT, re.MULTILINE)
    assert kinds <= set(explained)
