"""Who is at the other end, and how they reached us.

`X-Forwarded-For` and `X-Forwarded-Proto` are believed only where the socket's own peer is a proxy
that the operator named in PENSTOCK_TRUSTED_PROXIES (addresses or networks). The list is read from
the right: the first address that is no trusted proxy is the client, whatever stands left of it.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final

from starlette.datastructures import Headers

Address = IPv4Address | IPv6Address

UNKNOWN: Final = "unknown"
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def client_address(scope: Any, trusted: tuple[str, ...]) -> str:  # noqa: ANN401 - an ASGI scope
    """Return the client's address as text, `unknown` where there is none (a Unix socket, say)."""
    peer = _address(scope["client"][0] if scope.get("client") else "")
    if peer is None:
        return UNKNOWN
    if _is_trusted(peer, trusted):
        forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
        for text in reversed(forwarded.split(",")):
            address = _address(text.strip())
            if address is None:
                break
            peer = address
            if not _is_trusted(address, trusted):
                break
    return str(peer)


def is_encrypted(scope: Any, trusted: tuple[str, ...]) -> bool:  # noqa: ANN401 - an ASGI scope
    """Say whether the client reached us by HTTPS."""
    peer = _address(scope["client"][0] if scope.get("client") else "")
    if peer is not None and _is_trusted(peer, trusted):
        told = Headers(scope=scope).get("x-forwarded-proto")
        if told is not None:
            return told.strip().lower() == "https"
    return bool(scope["scheme"] == "https")


def is_this_machine(scope: Any) -> bool:  # noqa: ANN401 - an ASGI scope
    """Say whether the request came from this machine itself, and through nobody else's hands."""
    peer = _address(scope["client"][0] if scope.get("client") else "")
    headers = Headers(scope=scope)
    return peer is not None and peer.is_loopback and not any(name in headers for name in _FORWARDED)


def _is_trusted(address: Address, trusted: tuple[str, ...]) -> bool:
    return any(address in ip_network(one, strict=False) for one in trusted)


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
