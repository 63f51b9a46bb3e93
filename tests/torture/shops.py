"""Five sources at one machine: the declarations of real ones, and what those answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Final

from penstock.domain.quote import Basis
from penstock.quotes.declaration import Declaration, read_declaration
from penstock.quotes.exchanges import exchange_of
from penstock.quotes.symbol import candidates_of
from tests.torture.bourse import State, Thing

HTML: Final = "text/html"
JSON: Final = "application/json"
NAMES: Final = ("desk", "google_finance", "yahoo", "tape", "ecb")

HOSTS: Final = {
    "desk": "www.example.com",
    "google_finance": "www.google.com",
    "yahoo": "query1.finance.yahoo.com",
    "tape": "www.example.com",
    "ecb": "www.ecb.europa.eu",
}
_SPELT: Final = {"GBX": "GBp", "ILA": "ILA", "ZAC": "ZAc"}


def declaration(name: str, port: int) -> Declaration:
    """Return a source's declaration, with its host at a port of this machine."""
    own = Path(__file__).with_name(f"{name}.toml")
    shipped = files("penstock.quotes").joinpath("sources", own.name)
    text = (own if own.exists() else shipped).read_text(encoding="utf-8")
    host, here = HOSTS[name], f"127.0.0.1:{port}"
    text = text.replace(f'hosts = ["{host}"]', f'hosts = ["{here}"]')
    for key in ("listing", "pair", "coin"):
        text = text.replace(f'\n{key} = "https://{host}/', f'\n{key} = "http://{here}/')
    # The page states its own address, which is this one here.
    text = text.replace(f'href="https://{host}/', f'href="http://{here}/')
    return read_declaration(text, name)


@dataclass(frozen=True)
class Told:
    """What a source says of a thing: the truth, unless somebody meddled with it."""

    thing: Thing
    price: str
    unit: str
    at: int


def truth(thing: Thing, state: State | None = None) -> Told:
    """Return what is true of a thing."""
    state = state or thing.now
    return Told(thing, str(state.price), thing.kind.unit, int(state.as_of.timestamp()))


def desk(told: Sequence[Told], _: str) -> str:
    """Return rows of JSON: shares, and bonds in percent of par."""
    rows = [
        f'{{"symbol":"{one.thing.base}.{one.thing.mic}",'
        f'"last":{one.price},"unit":"{one.unit}","at":{one.at}'
        f"{_percent(one)}}}"
        for one in told
    ]
    shares = [row for row in rows if "percent" not in row]
    bonds = [row for row in rows if "percent" in row]
    return f'{{"shares":[{",".join(shares)}],"bonds":[{",".join(bonds)}]}}'


def _percent(told: Told) -> str:
    return ',"percent":true' if told.thing.kind.basis is Basis.PERCENT_OF_PAR else ""


def google(told: Sequence[Told], place: str) -> str:
    """Return a page with its data in it twice: that of what was asked for comes first."""
    main, others = told[0], told[1:]
    words = "".join(_google_data(one) for one in told)
    nodes = "".join(
        f'<c-wiz data-p="%.@.[&quot;{one.thing.base}&quot;,&quot;{_exchange(one.thing)}&quot;],1">'
        f'<div data-last-price="{one.price}" data-currency-code="{one.unit}" '
        f'data-exchange="{_exchange(one.thing)}" data-last-normal-market-timestamp="{one.at}">'
        "</div></c-wiz>"
        for one in told
    )
    links = "".join(f'<a href="./quote/{google_name(one.thing)}">like it</a>' for one in others)
    return (
        f'<html><head><link rel="canonical" href="{place}/finance/quote/'
        f'{google_name(main.thing)}"></head><body>{nodes}{links}'
        f"<script>[{words}]</script></body></html>"
    )


def _google_data(told: Told) -> str:
    thing, at = told.thing, told.at
    if thing.is_pair:
        return (
            f'["{thing.base} / {thing.mic or thing.kind.unit}",3,null,'
            f"[{told.price},0.1,0.2,2,2],null,[{at}],0,[{at}]],"
        )
    return (
        f'["{thing.base}","{_exchange(thing)}"],"Acme \\"{thing.base}\\" Corp",0,"{told.unit}",'
        f"[{told.price},0.1,0.2,2,2],null,[{at}],0,[{at}],"
    )


def _exchange(thing: Thing) -> str:
    exchange = exchange_of(thing.mic)
    return exchange.words.get("exchange", "") if exchange else ""


def google_name(thing: Thing) -> str:
    """Return how Google writes a thing."""
    return thing.symbol.replace("/", "-") if thing.is_pair else f"{thing.base}:{_exchange(thing)}"


def yahoo(told: Sequence[Told], _: str) -> str:
    """Return a chart."""
    one = told[0]
    meta = (
        f'{{"currency":"{_SPELT.get(one.unit, one.unit)}","symbol":"{ticker(one.thing)}",'
        f'"regularMarketTime":{one.at},"regularMarketPrice":{one.price},"previousClose":1.5}}'
    )
    return f'{{"chart":{{"result":[{{"meta":{meta},"timestamp":[{one.at}]}}],"error":null}}}}'


def ticker(thing: Thing) -> str:
    """Return how Yahoo writes a thing."""
    if not thing.is_pair:
        return thing.name
    joined = f"{thing.base}{thing.kind.unit}=X"
    return joined if is_money(thing) else f"{thing.base}-{thing.kind.unit}"


def is_money(thing: Thing) -> bool:
    """Say whether a thing is a pair of currencies."""
    return candidates_of(thing.symbol)[0].kind == "pair"


def tape(told: Sequence[Told], _: str) -> str:
    """Return a table; the price is in its last column."""
    rows = []
    for one in told:
        at = datetime.fromtimestamp(one.at, tz=one.thing.now.as_of.tzinfo)
        name = one.thing.name
        rows.append(f"{name},{at:%Y-%m-%d},{at:%H:%M:%S},{one.unit},{one.price}\r\n")
    return "Symbol,Date,Time,Unit,Last\r\n" + "".join(rows)


def ecb(told: Sequence[Told], _: str) -> str:
    """Return the rates of a day to the euro."""
    day = datetime.fromtimestamp(told[0].at, tz=told[0].thing.now.as_of.tzinfo)
    rates = "".join(f'<Cube currency="{one.unit}" rate="{one.price}"/>' for one in told)
    return f'<Envelope><Cube><Cube time="{day:%Y-%m-%d}">{rates}</Cube></Cube></Envelope>'


WRITE: Final[Mapping[str, Callable[[Sequence[Told], str], str]]] = {
    "desk": desk,
    "google_finance": google,
    "yahoo": yahoo,
    "tape": tape,
    "ecb": ecb,
}
TYPES: Final = {
    "desk": JSON,
    "google_finance": HTML,
    "yahoo": JSON,
    "tape": "text/csv",
    "ecb": "application/xml",
}


def exact(price: Decimal, factor: str) -> str:
    """Return a price times something, as a source writes it."""
    return f"{price * Decimal(factor):f}"
