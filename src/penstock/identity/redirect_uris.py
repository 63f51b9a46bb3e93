"""Where a program may have people sent back to (security.md C1).

An address is compared as plain text, never as what it might mean. The one exception is the port of
a loopback address, which a program on the person's own machine cannot choose beforehand (RFC 8252
§7.3). What may be registered is narrow enough that no two spellings of it lead to the same place.
"""

import re
from typing import Final
from urllib.parse import urlsplit

from penstock.domain.errors import InvalidInput
from penstock.domain.remedy import ask_person

MOST_CHARACTERS: Final = 500

_PATH: Final = r"(?:/[A-Za-z0-9_~:@!$&'()+,=-][A-Za-z0-9._~:@!$&'()+,=-]*)*/?"
_QUERY: Final = r"(?:\?[A-Za-z0-9._~:@!$&'()+,=/-]+)?"
_HOST: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
_PORT: Final = r"(?::(?P<port>[1-9][0-9]{0,4}))?"

_WEB: Final = re.compile(rf"https://{_HOST}{_PORT}{_PATH}{_QUERY}")
_LOOPBACK: Final = re.compile(
    rf"(?P<host>http://(?:127\.0\.0\.1|\[::1\])){_PORT}(?P<rest>{_PATH}{_QUERY})"
)
# A scheme of the program's own is a domain name turned round, so it has a dot (RFC 8252 §7.1).
_OWN: Final = re.compile(rf"[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+:(?=/){_PATH}{_QUERY}")
_MOST_PORT: Final = 65535


def check_redirect_uri(uri: str) -> None:
    """Raise InvalidInput unless people may be sent to this address."""
    found = next((one for form in (_WEB, _LOOPBACK, _OWN) if (one := form.fullmatch(uri))), None)
    if found is None or len(uri) > MOST_CHARACTERS or not _is_port(found.groupdict().get("port")):
        raise InvalidInput(
            "Nobody may be sent back to such an address.",
            remedy=ask_person(
                "Give https://HOST/PATH, http://127.0.0.1/PATH for a program on the person's own "
                "machine (any port), or com.example.app:/PATH: in lower case, without user, "
                "fragment, dots to climb by or %-signs."
            ),
        )


def is_allowed(asked: str, registered: tuple[str, ...], *, any_port: bool) -> bool:
    """Say whether `asked` is one of the registered addresses.

    `any_port`: the program is one on the person's machine, so a loopback port is its own to choose.
    """
    if asked in registered:
        return True
    found = _LOOPBACK.fullmatch(asked) if any_port else None
    if found is None or not _is_port(found["port"]):
        return False
    wanted = found["host"], found["rest"]
    known = filter(None, map(_LOOPBACK.fullmatch, registered))
    return any((one["host"], one["rest"]) == wanted for one in known)


def is_claimed(uri: str) -> bool:
    """Say whether nobody but the program's owner gets what is sent there.

    Any program of the machine can listen on a loopback port or claim a scheme (RFC 8252 §8.6).
    """
    return uri.startswith("https://")


def host_of(uri: str) -> str:
    """Return where an address leads, as a person is told: its host, or its scheme."""
    parts = urlsplit(uri)
    return parts.netloc or f"{parts.scheme}:"


def origin_of(uri: str) -> str:
    """Return an address's origin as a content security policy names it.

    A policy cannot name an IPv6 address (CSP 3 §2.3.1): its scheme stands for it.
    """
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if _is_named(parts.netloc) else f"{parts.scheme}:"


def _is_named(netloc: str) -> bool:
    return bool(netloc) and not netloc.startswith("[")


def _is_port(text: str | None) -> bool:
    return text is None or int(text) <= _MOST_PORT
