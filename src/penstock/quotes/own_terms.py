"""What a source of one's own may not do, though it can be read: take an id, or ask anybody."""

import ipaddress
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from penstock.domain.option import variable
from penstock.quotes.declaration import RUDE, Declaration, Tier, is_rude

SLOWEST: Final = 1.0
"""The least seconds between two pages that a person's own declaration may scrape."""

_HOST: Final = re.compile(
    r"([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:\d{1,5})?", re.IGNORECASE
)
_HERE: Final = ("localhost", "local", "internal")

Overstepped = tuple[tuple[str, ...], str]
"""The way to a field, and why it may not be so."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a source of one's own may not do: take an id, or ask what is not on the internet.

    `taken` are the ids of the sources that come with Penstock, `allowed` the `host` or `host:port`
    that the operator named as their own. `others` are whose settings it may not read, by the word
    before the first `_`: the secrets of a connector are none of its business.
    """

    taken: Collection[str] = ()
    allowed: Collection[str] = ()
    others: Collection[str] = ()


def overstepped(declared: Declaration, name: str, terms: Terms) -> Iterator[Overstepped]:
    """Yield what a declaration says well, and may not say. `name` is its file's, without .toml."""
    yield from _usurped(declared, name, terms)
    yield from _out_of_bounds(declared, terms)
    if declared.tier is Tier.SCRAPE:
        yield from _hasty(declared)


def _usurped(declared: Declaration, name: str, terms: Terms) -> Iterator[Overstepped]:
    if declared.id in terms.taken:
        yield ("id",), f"{declared.id} is a source that comes with Penstock: choose another"
    elif declared.id != name:
        yield ("id",), f"a source is called as its file: {name}, or rename it {declared.id}.toml"
    owners = tuple(f"{owner}_" for owner in (*terms.taken, *terms.others))
    for setting in (f"{declared.id}_{one.name}" for one in declared.options):
        if setting.startswith(owners):
            yield ("auth",), f"{variable(setting)} is a setting of somebody else: choose another id"


def _out_of_bounds(declared: Declaration, terms: Terms) -> Iterator[Overstepped]:
    for host in declared.hosts:
        if not _HOST.fullmatch(host):
            yield ("hosts",), f"{host!r} is no host: www.example.com"
    for kind in declared.ask.kinds:
        if why := _kept_from(declared.ask.template(kind) or "", terms.allowed):
            yield ("ask", kind), why
    for address in declared.history.addresses if declared.history else ():
        if why := _kept_from(address, terms.allowed):
            yield ("history",), why


def _hasty(declared: Declaration) -> Iterator[Overstepped]:
    if is_rude(declared):
        yield ("politeness", "robots"), RUDE
    if declared.politeness.interval < SLOWEST:
        yield ("politeness", "interval"), "pages are asked with a second between them at least"
    if declared.politeness.concurrency != 1:
        yield ("politeness", "concurrency"), "pages are asked one at a time"


def _kept_from(address: str, allowed: Collection[str]) -> str | None:
    """Say why an address may not be asked, None where it may.

    This is what can be told without a network. What a name leads to is judged whenever it is asked.
    """
    parts = urlsplit(address)
    if parts.netloc in allowed or parts.hostname in allowed:
        return None
    if parts.scheme != "https" or parts.port not in (None, 443):
        return f"ask over https, or name {parts.netloc} in PENSTOCK_LOOPBACK_PROVIDERS"
    try:
        public = ipaddress.ip_address(parts.hostname or "").is_global
    except ValueError:
        public = (parts.hostname or "").rpartition(".")[2] not in _HERE
    if public:
        return None
    return f"it is in a private network: name {parts.netloc} in PENSTOCK_LOOPBACK_PROVIDERS"
