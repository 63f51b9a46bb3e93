"""Where we are willing to connect to (security.md X2).

An address that a person or a provider can influence must not lead into our own network. Names
prove nothing, for what a name resolves to changes from one question to the next, so the address
itself is judged at the last moment, when the socket to it is made. Literal addresses take the
same way. Only what the operator named is let off: by host, or by host and port.
"""

import ipaddress
import logging
import re
import socket
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import aiohttp
from yarl import URL

from penstock.domain.errors import DestinationRefused, InvalidInput
from penstock.domain.remedy import fix_code

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_log = logging.getLogger("penstock.outbound")

_PRINTABLE: Final = re.compile(r"[!-\[\]-~]{1,8192}")  # ASCII without spaces and backslash
_NAME: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", re.IGNORECASE)
_HTTPS_PORT: Final = 443

_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network (RFC 1122)
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # carriers' own (RFC 6598); a cloud's metadata at 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's control channel, on a public address
        "169.254.0.0/16",  # link-local; metadata at 169.254.169.254
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; metadata at 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: leads to any IPv4 address
        "3fff::/20",  # documentation (RFC 9637)
    )
)
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_NEARBY: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)
# Inside the networks above, but nobody's server: where clouds hand out credentials.
_METADATA: Final = (
    ipaddress.ip_address("100.100.100.200"),
    ipaddress.ip_address("fd00:ec2::254"),
)


class Refused(OSError):
    """The address is not one that we connect to. An OSError, for aiohttp to pass it on."""

    def __init__(self) -> None:
        # One text for all addresses: aiohttp merges errors of different texts into a new one.
        super().__init__("the address is not public")


def refusal(message: str) -> DestinationRefused:
    """Return the error for an address that we do not talk to, with what to do about it."""
    return DestinationRefused(
        message, remedy=fix_code("If it is a server of your own, add it to the allowed hosts.")
    )


@lru_cache(maxsize=1024)
def is_public(address: str) -> bool:
    """Say whether an IP address, as the resolver writes it, belongs to the public internet.

    An IPv4 address inside an IPv6 one (mapped, or NAT64 with the well-known prefix of RFC 6052)
    is judged itself; other embeddings (6to4, Teredo, compatible) are not public at all.
    """
    parsed = _parse(address)
    return parsed is not None and _is_public(parsed)


@lru_cache(maxsize=1024)
def is_nearby(address: str) -> bool:
    """Say whether it is loopback or private: fit for a server that the operator names.

    Link-local, multicast and unspecified addresses, and those where clouds hand out credentials,
    are not.
    """
    parsed = _parse(address)
    return (
        parsed is not None
        and parsed not in _METADATA
        and any(parsed in network for network in _NEARBY)
    )


def open_public(addr_info: aiohttp.AddrInfoType) -> socket.socket:
    """Make the socket for a public address; raises Refused for any other."""
    return _open(addr_info, allowed=is_public(str(addr_info[4][0])))


def open_named(addr_info: aiohttp.AddrInfoType) -> socket.socket:
    """Make the socket for an address of a host that the operator named; Refused for the worst."""
    address = str(addr_info[4][0])
    return _open(addr_info, allowed=is_public(address) or is_nearby(address))


class Destinations:
    """Which addresses may be asked at all; `allow` are the operator's own: `host` or `host:port`.

    Raises InvalidInput for an entry that is neither.
    """

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self._named = frozenset(_entry(text) for text in allow)

    def __bool__(self) -> bool:
        """Whether the operator named any."""
        return bool(self._named)

    def check(self, text: str) -> tuple[URL, bool]:
        """Return the address, parsed, and whether the operator named it.

        Raises DestinationRefused unless it is absolute, plain ASCII, without a user or password,
        and either https on port 443 or named.
        """
        if not _PRINTABLE.fullmatch(text):
            raise refusal("An address has characters that do not belong in one.")
        try:
            url = URL(text, encoded=True)
            host, port, plain = url.host or "", url.port, "@" not in url.raw_authority
            key = _canonical(host)
        except ValueError:
            raise refusal("An address names no host that could be asked.") from None
        if url.scheme not in {"http", "https"}:
            raise refusal("An address is not one of http or https.")
        if not plain:
            raise refusal(f"An address at {host} carries a user name or password.")
        if (key, port) in self._named or (key, None) in self._named:
            return url, True
        if url.scheme != "https" or port != _HTTPS_PORT:
            raise refusal(f"{host} may only be asked over https on port {_HTTPS_PORT}.")
        return url, False


def _open(addr_info: aiohttp.AddrInfoType, *, allowed: bool) -> socket.socket:
    family, kind, protocol, _, address = addr_info
    if not allowed or family not in {socket.AF_INET, socket.AF_INET6}:
        _log.warning("destination_refused", extra={"address": str(address[0]), "port": address[1]})
        raise Refused
    return socket.socket(family, kind, protocol)


def _parse(address: str) -> _Address | None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.scope_id is None:
        return parsed.ipv4_mapped or parsed
    return parsed if isinstance(parsed, ipaddress.IPv4Address) else None


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        if address not in _GLOBAL_UNICAST:
            return False
    return not any(address in network for network in _NOT_PUBLIC)


def _entry(text: str) -> tuple[str, int | None]:
    try:
        bracketed = f"[{ipaddress.IPv6Address(text)}]"
    except ValueError:
        bracketed = text
    try:
        url = URL(f"http://{bracketed}", encoded=True)
        if url.raw_authority == bracketed and "@" not in bracketed:
            return _canonical(url.host or ""), url.explicit_port
    except ValueError:
        pass
    raise InvalidInput(f"{text!r} names no destination: write `host` or `host:port`.")


@lru_cache(maxsize=1024)
def _canonical(host: str) -> str:
    """Return the one way to write a host; ValueError for what is neither a name nor an address."""
    if _NAME.fullmatch(host):
        return host.lower()
    return str(ipaddress.IPv6Address(host))
