"""Who is at the other end, and how they reached us.

`X-Forwarded-For` and `X-Forwarded-Proto` are believed only where the socket's own peer is a proxy
that the operator named in PENSTOCK_TRUSTED_PROXIES (addresses or networks). The list is read from
the right: the first address that is no trusted proxy is the client, whatever stands left of it.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any, Final

from starlette.datastructures import Headers

from penstock.domain.errors import InvalidInput
from penstock.domain.remedy import fix_code

Address = IPv4Address | IPv6Address
Proxies = tuple[IPv4Network | IPv6Network, ...]

UNKNOWN: Final = "unknown"
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def read_proxies(words: Iterable[str]) -> Proxies:
    """Read addresses and networks. Raises InvalidInput for anything else, a host name for one."""
    try:
        return tuple(ip_network(word, strict=False) for word in words)
    except ValueError as error:
        raise InvalidInput(
            f"PENSTOCK_TRUSTED_PROXIES: {error}.",
            remedy=fix_code("Name proxies by address or network, such as 10.0.0.2 or 10.0.0.0/8."),
        ) from None


def client_address(scope: Any, trusted: Proxies) -> str:  # noqa: ANN401 - an ASGI scope
    """Return the client's address as text, `unknown` where there is none (a Unix socket, say)."""
    peer = _peer(scope["client"][0] if scope.get("client") else "")
    if peer is None:
        return UNKNOWN
    if _is_trusted(peer, trusted):
        forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
        for text in reversed(forwarded.split(",")):
            address = _address(_without_port(text.strip()))
            if address is None:
                break
            peer = address
            if not _is_trusted(address, trusted):
                break
    return str(peer)


def is_encrypted(scope: Any, trusted: Proxies) -> bool:  # noqa: ANN401 - an ASGI scope
    """Say whether the client reached us by HTTPS."""
    peer = _peer(scope["client"][0] if scope.get("client") else "")
    if peer is not None and _is_trusted(peer, trusted):
        told = Headers(scope=scope).get("x-forwarded-proto")
        if told is not None:
            return told.strip().lower() == "https"
    return bool(scope["scheme"] == "https")


def is_this_machine(scope: Any) -> bool:  # noqa: ANN401 - an ASGI scope
    """Say whether the request came from this machine itself, and through nobody else's hands."""
    peer = _peer(scope["client"][0] if scope.get("client") else "")
    headers = Headers(scope=scope)
    return peer is not None and peer.is_loopback and not any(name in headers for name in _FORWARDED)


def _is_trusted(address: Address, trusted: Proxies) -> bool:
    return any(address in network for network in trusted)


def _without_port(text: str) -> str:
    """Take the port off that some proxies put behind the client's address."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, _, port = text.partition(":")
    return host if "." in host and port.isdecimal() else text


@lru_cache(1024)
def _peer(host: str) -> Address | None:
    """Return the address of a socket's other end: the same few ask again and again."""
    return _address(host)


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
