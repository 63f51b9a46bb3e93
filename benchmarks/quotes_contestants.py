"""Who fetches the pages: Penstock, a bare loop, and the way of threads and BeautifulSoup."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Final

import aiohttp
import requests
from bs4 import BeautifulSoup
from selectolax.lexbor import LexborHTMLParser

from benchmarks.quotes_pages import price_of
from penstock.domain.clock import utc_now
from penstock.domain.quote import Quote
from penstock.domain.request import Request, Response
from penstock.outbound.client import Outbound
from penstock.quotes.alone import AnswersAlone
from penstock.quotes.declaration import Declaration, read_declaration
from penstock.quotes.fetch import QuoteEngine

AT_A_TIME: Final = 128
THREADS: Final = 10

_PATTERN: Final = (
    r'"(?:[^"\\]|\\.)*",\d+,"(?P<currency>[A-Z]{3})",\[(?P<price>-?\d[\d.E+-]*)'
    r"[^\]\[]*\][^\]\[]*\[(?P<time>\d{9,11})\]"
)
_ANCHORED: Final = f"""
[[extract]]
kind = "anchored"
name = "embedded"
anchor = '["{{ticker}}","{{exchange}}"],'
pattern = '''{_PATTERN}'''
"""
_CSS: Final = """
[[extract]]
kind = "css"
name = "attributes"
select = '[data-symbol="{ticker}"]'
price = "@data-last-price"
currency = "@data-currency-code"
time = "@data-time"
symbol = "@data-symbol"
"""
_SOURCE: Final = """
id = "benchmark"
title = "Benchmark"
tier = "manual"
docs = "benchmarks/quotes.py"
hosts = ["127.0.0.1:%(port)d"]
[ask]
listing = "http://127.0.0.1:%(port)d/quote/{ticker}"
[politeness]
ttl = 0.0
concurrency = %(at_a_time)d
[guards]
type = "text/html"
must_contain = ['quote/{ticker}:{exchange}">']
[[guards.blocked]]
means = "consent_wall"
text = 'action="https://consent.'
[number]
locale = "en"
[time]
kind = "epoch"
"""


def penstock(names: Sequence[str], port: int) -> dict[str, Decimal]:
    """Fetch with the real engine and the real client, from the page's own data."""
    return asyncio.run(_engine(names, port, _declared(port, _ANCHORED + _CSS)))


def penstock_css(names: Sequence[str], port: int) -> dict[str, Decimal]:
    """Fetch with the same, from the attributes, which takes a tree of the whole page."""
    return asyncio.run(_engine(names, port, _declared(port, _CSS)))


class Revalidating:
    """Fetches with the real engine what it knows already: the site says that all of it holds."""

    __name__ = "penstock_304"

    def __init__(self) -> None:
        self._answers = AnswersAlone()

    def prepare(self, names: Sequence[str], port: int) -> None:
        """Fetch everything once."""
        self._source = _declared(port, _ANCHORED)
        asyncio.run(_engine(names, port, self._source, self._answers))

    def __call__(self, names: Sequence[str], port: int) -> dict[str, Decimal]:
        """Ask for all of it again. Raises SystemExit where a page was sent anew."""
        whole: list[int] = []
        prices = asyncio.run(_engine(names, port, self._source, self._answers, whole))
        if whole:
            raise SystemExit(f"{len(whole)} pages were sent again")
        return prices


async def _engine(
    names: Sequence[str],
    port: int,
    source: Declaration,
    answers: AnswersAlone | None = None,
    whole: list[int] | None = None,
) -> dict[str, Decimal]:
    """Fetch with an engine; `whole` collects the sizes of bodies, where it is given."""
    async with Outbound(allow=[f"127.0.0.1:{port}"], connections=AT_A_TIME) as outbound:

        async def counting(request: Request) -> Response:
            response = await outbound.send(request)
            if whole is not None and response.body:
                whole.append(len(response.body))
            return response

        engine = QuoteEngine([source], counting, clock=utc_now, answers=answers)
        outcomes = await engine.fetch([f"{name}:BENCH" for name in names])
    quotes = [outcome for outcome in outcomes if isinstance(outcome, Quote)]
    return {quote.symbol.partition(":")[0]: quote.price for quote in quotes}


def _declared(port: int, ways: str) -> Declaration:
    text = _SOURCE % {"port": port, "at_a_time": AT_A_TIME} + ways
    return read_declaration(text, "benchmark")


def bare(names: Sequence[str], port: int) -> dict[str, Decimal]:
    """Fetch with nothing but aiohttp and selectolax: no guard, no limit, no error told."""
    return asyncio.run(_bare(names, port))


async def _bare(names: Sequence[str], port: int) -> dict[str, Decimal]:
    prices: dict[str, Decimal] = {}
    left = list(names)

    async def work(session: aiohttp.ClientSession) -> None:
        while left:
            name = left.pop()
            async with session.get(f"http://127.0.0.1:{port}/quote/{name}") as answer:
                body = await answer.read()
            node = LexborHTMLParser(body).css_first(f'[data-symbol="{name}"]')
            if node is not None:
                prices[name] = Decimal(node.attributes["data-last-price"] or "")

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for _ in range(AT_A_TIME):
            group.create_task(work(session))
    return prices


def ceiling(names: Sequence[str], port: int) -> dict[str, Decimal]:
    """Read the answers off bare sockets and drop them: what the server and the machine can do."""
    asyncio.run(_ceiling(names, port))
    return {name: price_of(name) for name in names}


async def _ceiling(names: Sequence[str], port: int) -> None:
    left = list(names)

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        while left:
            writer.write(f"GET /quote/{left.pop()} HTTP/1.1\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.rpartition(b": ")[2]))
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_A_TIME):
            group.create_task(work())


def peer(names: Sequence[str], port: int) -> dict[str, Decimal]:
    """Fetch with requests, BeautifulSoup and ten threads, and drop the commas."""

    def fetch(name: str) -> tuple[str, Decimal]:
        answer = requests.get(f"http://127.0.0.1:{port}/quote/{name}", timeout=30)
        soup = BeautifulSoup(answer.text, "html.parser")
        node = soup.find(attrs={"data-symbol": name})
        text = node.get_text(strip=True) if node else ""
        return name, Decimal(text.replace("$", "").replace(",", ""))

    with ThreadPoolExecutor(THREADS) as threads:
        return dict(threads.map(fetch, names))
