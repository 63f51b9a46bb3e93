"""What a token may be good for (security.md T5). Nothing is allowed that no scope allows."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from penstock.domain.errors import InvalidInput

# One or more tokens of RFC 6749 §3.3, each set off by exactly one space: no newline parts two.
_SYNTAX: Final = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")


class Scope(StrEnum):
    """One thing that a token may be good for."""

    READ = "read"
    WRITE = "write"
    CONNECT = "connect"
    SYNC = "sync"
    QUOTES = "quotes"
    EXPORT = "export"
    ADMIN = "admin"


DESCRIPTIONS: Final[dict[Scope, str]] = {
    Scope.READ: "See everything that is yours, and export it.",
    Scope.WRITE: "Change what is yours: notes, categories, names, what is hidden or deleted.",
    Scope.CONNECT: "Link institutions, renew their consent, disconnect them.",
    Scope.SYNC: "Start a sync.",
    Scope.QUOTES: "Ask for prices.",
    Scope.ADMIN: "Look after people: invite, disable, say who is an admin. Admins only.",
    Scope.EXPORT: "Export everything from a script, which cannot prove again who you are.",
}

ALL: Final = frozenset(Scope) - {Scope.EXPORT}
"""What somebody who signs in may do. `export` is for personal access tokens, and named by hand."""


class UnknownScope(InvalidInput):
    """The scope cannot be read, or there is no such scope."""


OF_OTHERS: Final = ALL - {Scope.ADMIN}
"""What a program of others may ever do: it looks after nobody, whoever lets it in."""


def read_scopes(text: str) -> frozenset[Scope]:
    """Read the `scope` parameter of RFC 6749 §3.3; empty means all that one has by signing in.

    Raises UnknownScope for anything but known names with one space between them.
    """
    if not text:
        return ALL
    if not _SYNTAX.fullmatch(text):
        raise UnknownScope("A scope is written as names with one space between them.")
    try:
        return frozenset(Scope(name) for name in text.split(" "))
    except ValueError:
        raise UnknownScope(f"The scopes here are: {write_scopes(Scope)}.") from None


def wanted_scopes(text: str) -> frozenset[Scope]:
    """Read the scopes that somebody wants who signs in; empty means all. Raises UnknownScope."""
    scopes = read_scopes(text)
    if not scopes <= ALL:
        raise UnknownScope(f"The scopes that one signs in for are: {write_scopes(ALL)}.")
    return scopes


def allowed(scopes: frozenset[Scope], role: str) -> frozenset[Scope]:
    """Return those of the scopes that a person of this role may have."""
    return scopes if role == "admin" else scopes - {Scope.ADMIN}


def write_scopes(scopes: Iterable[Scope]) -> str:
    """Return scopes as one text, always in the same order."""
    return " ".join(sorted(scopes))
