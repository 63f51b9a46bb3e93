"""Pages of the size and the kind that quote sites send, no two alike.

About 300 kB and 2,000 elements each: style sheets, a bar of indices, a table of others, news, and
the page's data once more as script. The price asked for stands after many that were not.
"""

import random
from decimal import Decimal
from typing import Final

FILLER_BYTES: Final = 219_000
_WORDS: Final = "render index layer portfolio margin color display flex border chart volume".split()


def symbols(count: int) -> list[str]:
    """Return tickers of four letters, all different."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    numbers = [(number * 7919 + 4242) % 26**4 for number in range(count)]
    return ["".join(letters[number // 26**place % 26] for place in range(4)) for number in numbers]


def price_of(symbol: str) -> Decimal:
    """Return the price that a symbol's page shows."""
    return Decimal(random.Random(symbol).randrange(100, 500_000)).scaleb(-2)


def make_pages(names: list[str]) -> dict[str, bytes]:
    """Return the page of each symbol."""
    blocks = [_filler(random.Random(number), FILLER_BYTES // 45) for number in range(60)]
    return {name: _page(name, names, blocks) for name in names}


def _page(name: str, names: list[str], blocks: list[str]) -> bytes:
    chance = random.Random(f"page {name}")
    others = chance.sample([other for other in names if other != name], 120)
    chosen = chance.sample(blocks, 45)
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        f"<title>{name} price and news</title>",
        f'<link rel="canonical" href="http://quotes.example/quote/{name}:BENCH">',
        f"<style>{''.join(chosen[:20])}</style></head><body>",
        "".join(_cell(other) for other in others[:12]),
        f"<main><section>{''.join(_row(other) for other in others[12:100])}</section>",
        _headline(name),
        "".join(_story(chance, number) for number in range(180)),
        "</main>",
        f"<script>{''.join(chosen[20:])}</script>",
        f"<script>data({{key: 'ds:9', data:[{','.join(map(_array, others))}]}});</script>",
        f"<script>data({{key: 'ds:2', data:[{_array(name)}]}});</script></body></html>",
    ]
    return "".join(parts).encode()


def _filler(chance: random.Random, size: int) -> str:
    rules: list[str] = []
    while sum(map(len, rules)) < size:
        word, other = chance.choice(_WORDS), chance.choice(_WORDS)
        rules.append(f".{word}{chance.randrange(10**6)} {{{other}: {chance.randrange(999)}px;}}\n")
    return "".join(rules)


def _cell(name: str) -> str:
    price = price_of(name)
    return f'<div class="bar"><a href="/quote/{name}">{name}</a><b class="p">{price:,}</b></div>'


def _row(name: str) -> str:
    price = price_of(name)
    return (
        f'<div class="row"><span class="t">{name}</span><a href="/quote/{name}">More</a>'
        f'<span class="p" data-price="{price}">${price:,}</span><i>+0.03</i><em>(+0.02%)</em>'
        '<svg><path d="M0 0"></path></svg><span></span><button>Follow</button></div>'
    )


def _headline(name: str) -> str:
    price = price_of(name)
    return (
        f'<div class="quote" data-symbol="{name}" data-last-price="{price}" '
        f'data-currency-code="USD" data-time="1795224600"><div class="big">${price:,}</div></div>'
    )


def _story(chance: random.Random, number: int) -> str:
    text = " ".join(chance.choices(_WORDS, k=12))
    return (
        f'<article><h3><a href="/news/{number}">{text}</a></h3><p>{text} {number}</p>'
        f"<time>{chance.randrange(24)} h</time><span>{text[:9]}</span></article>"
    )


def _array(name: str) -> str:
    price = price_of(name)
    return (
        f'[["/m/{name.lower()}",["{name}","BENCH"],"{name.title()} Corp",0,"USD",'
        f"[{price},0.03,0.0002,2,2,2],null,{price - 1},null,[1795224600]]]"
    )
