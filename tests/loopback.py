"""A guard: the tests talk to this machine only, whatever library they do it with.

It is an audit hook of the interpreter, so nothing of the program is patched. It sees Python's own
sockets; what it refuses is also written down, so that a test fails even where the program took
the refusal for a network that is down.
"""

import ipaddress
import socket
import sys
from typing import Final

refused: Final[list[str]] = []
"""What was refused since somebody last emptied the list."""

_ADDRESSED: Final = frozenset(["socket.connect", "socket.sendto", "socket.sendmsg"])
_INTERNET: Final = {socket.AF_INET, socket.AF_INET6}
_OUR_NAMES: Final = {"", "localhost", "localhost."}


class OutsideRefused(RuntimeError):
    """A test tried to reach beyond this machine."""


def is_ours(host: object) -> bool:
    """Say whether a host, as a socket call is given it, is this machine itself."""
    if isinstance(host, bytes | bytearray):
        host = host.decode("ascii", "replace")
    if not isinstance(host, str):
        return host is None
    address = _address(host)
    if address is None:
        return host.lower() in _OUR_NAMES
    return address.is_loopback


def install() -> None:
    """Refuse every connection, datagram and name look-up that leaves the machine, from now on."""
    sys.addaudithook(_hear)


def _hear(
    event: str, arguments: tuple[object, ...], addressed: frozenset[str] = _ADDRESSED
) -> None:
    # `addressed` is still there when the interpreter ends, and clears what modules have.
    if event in addressed:
        sender, address = arguments[0], arguments[1]
        if isinstance(sender, socket.socket) and sender.family in _INTERNET and address:
            _refuse_unless(is_ours(_first(address)), event, address)
    elif event == "socket.getaddrinfo":
        host = arguments[0]
        # A literal address is not looked up; whoever then connects to it is asked again above.
        _refuse_unless(is_ours(host) or _address(str(host)) is not None, event, host)


def _first(address: object) -> object:
    return address[0] if isinstance(address, tuple) else address


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _refuse_unless(ours: bool, event: str, target: object) -> None:
    if not ours:
        refused.append(f"{event} {target!r}")
        raise OutsideRefused(f"{event} to {target!r}: tests talk to this machine only")
