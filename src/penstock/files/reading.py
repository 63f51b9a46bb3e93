"""Which format a file is in, by what stands in it, and its statements."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from penstock.domain.errors import InvalidInput
from penstock.domain.imported import Statement
from penstock.domain.remedy import ask_person
from penstock.files import camt, csv, mt940, ofx, qif
from penstock.files.apart import told_apart
from penstock.files.mapping import Mapping
from penstock.files.qif import Habits
from penstock.files.text import marked

FORMATS: Final = ("ofx", "camt", "mt940", "qif", "csv")
MOST_BYTES: Final = 32 * 1024 * 1024
_HEAD: Final = 4096
_SIGNS: Final = (
    ("ofx", re.compile(r"^\s*OFXHEADER\s*:|<\?OFX\s|<OFX>", re.IGNORECASE)),
    ("camt", re.compile(r"iso:20022:tech:xsd:camt\.05[234]|<BkToCstmr(Stmt|AcctRpt|DbtCdtNtfctn)")),
    ("mt940", re.compile(r"^:20:.*^:25:", re.MULTILINE | re.DOTALL)),
    ("qif", re.compile(r"^\s*!(Type|Account|Option|Clear)\b", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True)
class How:
    """What the person says of a file, where the file does not: empty is nothing."""

    format: str = ""
    currency: str = ""
    order: str = ""
    decimal: str = ""
    mapping: Mapping | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that was read: its format, and what it tells."""

    format: str
    statements: list[Statement]


def read(content: bytes, how: How) -> Reading:
    """Read a file. Raises InvalidInput where any of it cannot be read."""
    if not content.strip():
        raise InvalidInput("The file is empty.")
    if len(content) > MOST_BYTES:
        raise InvalidInput(f"A file has at most {MOST_BYTES // 1024 // 1024} MiB here.")
    name = how.format or sniff(content) or ("csv" if how.mapping else "")
    if not name:
        raise InvalidInput(
            "What stands in this file is neither OFX, camt, MT940 nor QIF.",
            remedy=ask_person(
                "If it is CSV, say how its columns are to be read: `--preview` shows them, "
                "`penstock mappings set` saves it, `--mapping NAME` uses it."
            ),
        )
    if name not in FORMATS:
        raise InvalidInput(f"There is no format {name[:20]!r}; there are: {', '.join(FORMATS)}.")
    return Reading(name, _merged(_READERS[name](content, how)))


def sniff(content: bytes) -> str | None:
    """Return the format that the beginning of a file shows; CSV shows nothing."""
    head = content[:_HEAD].decode(marked(content) or "latin-1", "replace").removeprefix("\ufeff")
    return next((name for name, sign in _SIGNS if sign.search(head)), None)


def _merged(found: list[Statement]) -> list[Statement]:
    """Take each statement once, though a file repeats it, and only ids that name one row."""
    once: dict[object, Statement] = {}
    for one in found:
        says = (one.holder, tuple(row.says for row in one.rows), tuple(one.balances), one.since)
        once.setdefault(says if one.rows else id(one), one)
    return [
        Statement(
            one.holder,
            told_apart(one.rows),
            one.balances,
            one.since,
            one.until,
            one.removed,
            one.left_out,
        )
        for one in once.values()
    ]


def _csv(content: bytes, how: How) -> list[Statement]:
    if how.mapping is None:
        raise InvalidInput(
            "It is not known how the columns of this file are to be read.",
            remedy=ask_person(
                "`--preview` shows them, `penstock mappings set` saves how to read them, and "
                "`--mapping NAME` uses it."
            ),
        )
    return csv.read(content, how.mapping, how.currency)


_READERS: Final[dict[str, Callable[[bytes, How], list[Statement]]]] = {
    "ofx": lambda content, _: ofx.read(content),
    "camt": lambda content, _: camt.read(content),
    "mt940": lambda content, _: mt940.read(content),
    "qif": lambda content, how: qif.read(content, how.currency, Habits(how.order, how.decimal)),
    "csv": _csv,
}
