"""Five sources on five ports: they know the truth, tell it or something else, and note who asks."""

import asyncio
import contextlib
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final
from urllib.parse import parse_qs, unquote

from aiohttp import web

from penstock.quotes.declaration import Declaration
from tests.torture.bourse import Bourse, State, Thing
from tests.torture.mischief import CLOSING, FAULTS, RARE, Reply
from tests.torture.moving import Moving
from tests.torture.shops import (
    NAMES,
    TYPES,
    WRITE,
    Told,
    declaration,
    google_name,
    is_money,
    ticker,
    truth,
)

NUMBER: Final = "x-number"
"""The header with the number by which a request is known to the clock."""
_FIXED: Final = timedelta(hours=16)
_CHUNK: Final = 7


@dataclass
class Shop:
    """One source. `mixed` are the faults of each thing in this round, `closed` until when."""

    name: str
    mall: "Mall"
    port: int = 0
    by_name: dict[str, Thing] = field(default_factory=dict)
    mixed: dict[str, set[str]] = field(default_factory=dict)
    closed: datetime | None = None
    closings: int = 0
    came: list[datetime] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    early: list[str] = field(default_factory=list)
    troubled: bool = False

    @property
    def declared(self) -> Declaration:
        """Its declaration."""
        return declaration(self.name, self.port)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request, or do what goes wrong."""
        self._note()
        if request.path == "/robots.txt":
            return web.Response(text="User-agent: *\nAllow: /\n")
        names = _asked(self.name, request)
        self.calls[f"{self.mall.clock():%Y-%m-%d}"] += len(names) if self.name == "desk" else 1
        wanted = [self.by_name[name] for name in names if name in self.by_name]
        if self.name == "ecb":
            wanted = [thing for thing in self.by_name.values() if thing.base == "EUR"]
        if not wanted:
            return web.Response(status=404)
        fault = self.mall.next_fault(self.name, wanted)
        reply = self._reply(wanted, fault)
        known = request.headers.get("If-None-Match") == reply.headers.get("ETag", "")
        if known and reply.how == "whole" and reply.status == 200:
            reply = Reply(304, reply.type, b"", {"ETag": reply.headers["ETag"]})
        if fault in CLOSING:
            self.closings += 1
            self.closed = self.mall.clock() + timedelta(seconds=CLOSING[fault])
        return await _sent(self, request, reply)

    def _note(self) -> None:
        now = self.mall.clock()
        self.came.append(now)
        if self.closed is not None and now < self.closed:
            self.early.append(f"{self.name} was asked {self.closed - now} before it was over")

    def _reply(self, wanted: Sequence[Thing], fault: str) -> Reply:
        told = [self._truth(thing) for thing in wanted]
        place, now = f"http://127.0.0.1:{self.port}", self.mall.clock()
        meant = FAULTS.get(fault)
        honest = WRITE[self.name](told, place)
        mark = f'"{hashlib.blake2b(honest.encode(), digest_size=8).hexdigest()}"'
        changed: Sequence[Told] = told
        if meant is not None and meant.figures is not None:
            others = [truth(one) for one in self.mall.some(self.by_name, wanted)]
            changed = meant.figures(told, others, self.mall.random) or told[:0]
        body = WRITE[self.name](changed, place) if changed else ""
        if body != honest:  # another page has another mark
            mark = f'"{hashlib.blake2b(body.encode(), digest_size=8).hexdigest()}"'
        reply = Reply(200, TYPES[self.name], body.encode(), {"ETag": mark})
        if meant is not None and meant.page is not None:
            reply = meant.page(reply, now, self.mall.random)
        if fault:
            self.troubled |= bool(meant and meant.page)
            self.mall.done[fault] += 1
            # From one table all pairs are worked out, also those that are not in it.
            for thing in self.by_name.values() if self.name == "ecb" else wanted:
                self.mixed.setdefault(thing.symbol, set()).add(fault)
        elif self.name != "ecb":  # whose one answer is for whoever asks
            for thing in wanted:
                self.mall.told.setdefault(thing.symbol, set()).add(self.name)
        return reply

    def _truth(self, thing: Thing) -> Told:
        if self.name != "ecb":
            return truth(thing)
        return truth(thing, self.mall.fixed(thing))


@dataclass
class Mall:
    """All of them. `rate` is how many answers of a hundred go wrong, `told` who told the truth."""

    bourse: Bourse
    clock: Moving
    random: Random
    rate: int = 0
    shops: dict[str, Shop] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    told: dict[str, set[str]] = field(default_factory=dict)
    fixings: dict[str, dict[str, State]] = field(default_factory=dict)
    deck: list[str] = field(default_factory=list)
    liars: dict[str, str] = field(default_factory=dict)

    def next_fault(self, shop: str, wanted: Sequence[Thing]) -> str:
        """Return what goes wrong now, "" for nothing. Each kind comes in its turn.

        Of one thing no two sources ever tell an untrue price: where they did, nobody could tell.
        """
        if self.random.randrange(100) >= self.rate:
            return ""
        if not self.deck:
            self.deck = [name for name in FAULTS for _ in range(1 if name in RARE else 3)]
            self.random.shuffle(self.deck)
        fault = self.deck.pop()
        if not FAULTS[fault].prices:
            return fault
        if shop == "ecb":  # the authority: its rates are the truth
            return ""
        liars = {self.liars.setdefault(thing.symbol, shop) for thing in wanted}
        return fault if liars == {shop} else ""

    def some(self, known: Mapping[str, Thing], but: Sequence[Thing]) -> list[Thing]:
        """Return a few other things."""
        left = [thing for thing in known.values() if thing not in but]
        alike = [one for one in left if one.mic == but[0].mic and one.is_pair == but[0].is_pair]
        return self.random.sample(alike or left, min(3, len(alike or left)))

    def fixed(self, thing: Thing) -> State:
        """Return the day's rate of a pair."""
        day = (self.clock() - _FIXED).replace(hour=13, minute=10, second=0, microsecond=0)
        rates = self.fixings.setdefault(f"{day:%Y-%m-%d}", {})
        return rates.setdefault(thing.symbol, State(day, thing.now.price))

    def begin(self, rate: int) -> None:
        """Begin a round."""
        self.rate = rate
        self.told = {}
        for shop in self.shops.values():
            shop.mixed, shop.troubled = {}, False


@contextlib.asynccontextmanager
async def mall(bourse: Bourse, clock: Moving, random: Random) -> AsyncIterator[Mall]:
    """Open the five."""
    async with contextlib.AsyncExitStack() as stack:
        opened = Mall(bourse, clock, random)
        for name in NAMES:
            shop = opened.shops[name] = Shop(name, opened)
            app = web.Application()
            app.router.add_get("/{tail:.*}", shop.answer)
            runner = web.AppRunner(
                app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            shop.port = runner.addresses[0][1]
            for thing in bourse.things:
                shop.by_name[_named(name, thing)] = thing
        yield opened


def _named(shop: str, thing: Thing) -> str:
    if shop == "desk":
        return f"{thing.base}.{thing.mic}"
    if shop == "tape":
        return thing.name
    if shop == "yahoo":
        return ticker(thing)
    if shop == "ecb":
        return thing.symbol if is_money(thing) else f"no {thing.symbol}"
    return google_name(thing)


def _asked(shop: str, request: web.Request) -> list[str]:
    query = request.rel_url.raw_query_string
    if shop == "desk":
        return parse_qs(query)["symbols"][0].split(",")
    if shop == "tape":
        return [unquote(name) for name in query.partition("=")[2].split("+")]
    return [unquote(request.rel_url.raw_path.rpartition("/")[2])]


async def _sent(shop: Shop, request: web.Request, reply: Reply) -> web.StreamResponse:
    if reply.how == "whole":
        return web.Response(
            status=reply.status,
            body=reply.body,
            headers={"Content-Type": reply.type, **reply.headers},
        )
    transport = request.transport
    assert transport is not None
    if reply.how == "reset":
        transport.abort()
        return web.Response()
    head = {"Content-Type": reply.type, **reply.headers}
    # Two thirds of it, but no less than it takes to look like something.
    cut = reply.body[: shop.mall.random.randrange(len(reply.body) // 2, len(reply.body))]
    if reply.how == "hang":
        shop.mall.clock.let_go(int(request.headers[NUMBER]))
        await asyncio.Event().wait()
    if reply.how == "open":
        lines = "".join(f"{name}: {text}\r\n" for name, text in head.items())
        transport.write(f"HTTP/1.1 200 OK\r\nConnection: close\r\n{lines}\r\n".encode() + cut)
        transport.close()
        return web.Response()
    answer = web.StreamResponse(status=reply.status, headers=head)
    answer.content_length = len(reply.body)
    await answer.prepare(request)
    if reply.how == "trickle":
        for place in range(0, min(len(cut), 5 * _CHUNK), _CHUNK):
            await answer.write(cut[place : place + _CHUNK])
        shop.mall.clock.let_go(int(request.headers[NUMBER]))
        await asyncio.Event().wait()
    await answer.write(cut)
    transport.close()
    return answer
