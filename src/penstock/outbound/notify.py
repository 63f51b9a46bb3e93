"""Telling the operator: by mail, chat, webhook or whatever else Apprise knows (extra `notify`).

An address of Apprise (`mailtos://…`, `json://…`) holds passwords and tokens: it is never logged,
and Apprise's own log, which names hosts and users, is off. Apprise is loaded when the first
message is sent.
"""

import asyncio
import importlib
import logging
from typing import Any, Final

from penstock.domain.errors import TransportFailure
from penstock.domain.remedy import fix_code
from penstock.domain.secret import Secret

LONGEST: Final = 20.0
"""Seconds that one message may take."""

_PATIENCE: Final = "cto=5&rto=10"


def scheme_of(address: Secret) -> str:
    """Return what kind of address it is: the one part of it that may be shown."""
    scheme, found, _ = address.reveal().partition("://")
    return scheme.lower() if found and scheme.isalnum() else "unknown"


async def notify(address: Secret, title: str, text: str) -> None:
    """Send one message. Raises TransportFailure where it was not taken, or took too long."""
    try:
        async with asyncio.timeout(LONGEST):
            await asyncio.to_thread(_notify, address, title, text)
    except TimeoutError:
        raise TransportFailure(
            f"The message to {scheme_of(address)} was not taken within {LONGEST:.0f} s."
        ) from None
    except TransportFailure:
        raise
    except Exception as error:  # noqa: BLE001 - any plugin may break; its words may hold the address
        raise TransportFailure(
            f"The message to {scheme_of(address)} was not sent ({type(error).__name__})."
        ) from None


def fault_of(address: Secret) -> TransportFailure | None:
    """Return why nobody can ever be told at an address, None where Apprise can read it.

    Nothing is sent.
    """
    try:
        _letter(address)
    except TransportFailure as fault:
        return fault
    return None


def _notify(address: Secret, title: str, text: str) -> None:
    if not _letter(address).notify(title=title, body=text, body_format="text"):
        raise TransportFailure(
            f"The message to {scheme_of(address)} was not taken.",
            remedy=fix_code("Try the address with the program `apprise`, which says why."),
        )


def _letter(address: Secret) -> Any:  # noqa: ANN401 - an Apprise, which has no types
    try:
        apprise: Any = importlib.import_module("apprise")
    except ImportError:
        raise TransportFailure(
            "Messages need Apprise, which is not installed.",
            remedy=fix_code("Install the extra: `penstock[notify]`."),
        ) from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    letter = apprise.Apprise()
    if not letter.add(_patient(address.reveal())):
        raise TransportFailure(
            f"An address of PENSTOCK_NOTIFY ({scheme_of(address)}) is not one that Apprise knows.",
            remedy=fix_code("See https://appriseit.com for how each is written."),
        )
    return letter


def _patient(address: str) -> str:
    """Bound how long Apprise waits for a connection and for an answer."""
    return f"{address}{'&' if '?' in address else '?'}{_PATIENCE}"
