"""What a log must never show, and how it is taken out (security.md K3).

Masking errs on the side of too much: `token=`, `password:` and their kind lose what follows them,
wherever they stand. Every pattern is linear in the length of the text.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final

from penstock.domain.secret import MASK

MOST_CHARACTERS: Final = 16_384
_DEEPEST: Final = 8

# A name that has one of these words anywhere in it names a secret …
_WORDS: Final = (
    r"token|secret|passw|passphrase|pwd|authorization|cookie|credential|api[_-]?key"
    r"|(?:private|signing|penstock)[_-]?key|verifier|assertion|pepper|signature"
)
# … and these do so only when they are the whole name.
_NAMES: Final = frozenset({"code", "state", "otp", "pin", "nonce", "jwt", "sid", "key", "auth"})

_SECRET_NAME: Final = re.compile(_WORDS)

_QUOTED_KEY: Final = r"\\{0,4}[\"']\s{0,4}[:,=]\s{0,4}"
_EQUALS: Final = r"\s{0,2}(?:=|%3D|%253D)\s{0,2}"
_VALUE: Final = (
    r"(?:[bu]?\\{0,4}(?P<quote>[\"'])(?:(?!(?P=quote))(?:\\.|[^\\]))*"
    r"|(?:(?:bearer|basic|dpop)\s{1,4})?[^\s&\"'#]+)"
)
_NAME_START: Final = r"(?:(?<![a-z0-9_-])|(?<=%26)|(?<=%3F)|(?<=%2526)|(?<=%253F))"

# A refresh token, a personal one, a code, a program's secret, a device's code.
_OURS: Final = re.compile(r"\bps(?:tr|pat|ac|cs|dev)_[\w-]{16,}")

_RULES: Final = (
    # https://name:password@host
    (re.compile(r"://[^\s/?#\"']+@"), f"://{MASK}@"),
    # -----BEGIN … PRIVATE KEY-----
    (
        re.compile(r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----.*?(?:-----END|\Z)", re.DOTALL),
        MASK,
    ),
    # access_token=…, "password": "…", X-Api-Key: …, redirect=…%3Ftoken%3D…
    (
        re.compile(
            rf"(?P<key>(?:{_WORDS})[\w-]{{0,32}}(?:{_QUOTED_KEY}|{_EQUALS}|:\s{{0,4}})){_VALUE}",
            re.IGNORECASE | re.DOTALL,
        ),
        rf"\g<key>{MASK}",
    ),
    # ?code=…&state=…, "code": "…"; but not the prose "status code: 404"
    (
        re.compile(
            rf"(?P<key>{_NAME_START}(?:{'|'.join(sorted(_NAMES))})(?:{_QUOTED_KEY}|{_EQUALS}))"
            rf"{_VALUE}",
            re.IGNORECASE | re.DOTALL,
        ),
        rf"\g<key>{MASK}",
    ),
    # Bearer …
    (
        re.compile(r"\b(bearer|basic|dpop)(?:\s|%20|\+){1,4}[^\s,;\"'<>]+", re.IGNORECASE),
        rf"\1 {MASK}",
    ),
    # What we made ourselves, and the link that makes the first person.
    (_OURS, MASK),
    (re.compile(r"(/setup\?link=)[^\s&\"'<>]+"), rf"\1{MASK}"),
    # What is claimed once, at an address of its own.
    (re.compile(r"(/claim/)[^\s&\"'<>]+"), rf"\1{MASK}"),
    # A JSON Web Token, wherever it turns up.
    (re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[^\s\"'&<>,;]*"), MASK),
)

# What every rule above needs is missing here: most values of a log line are words and numbers.
_PLAIN: Final = re.compile(r"[\w./{}-]*")


def names_secret(name: str) -> bool:
    """Say whether a field of this name must be masked, whatever stands in it."""
    plain = name.lower().strip("_-")
    return plain in _NAMES or _SECRET_NAME.search(plain) is not None


def redact_text(text: str) -> str:
    """Return `text` with everything masked that looks like a secret, cut at 16,384 characters."""
    if not _is_plain(text):
        for pattern, replacement in _RULES:
            text = pattern.sub(replacement, text)
    if len(text) > MOST_CHARACTERS:
        return text[:MOST_CHARACTERS] + "…"
    return text


def _is_plain(text: str) -> bool:
    """Say whether no rule can match: there is nothing that could come between a name and a value.

    Of secrets without a name, those that are, or stand in, a word themselves are looked for.
    """
    return (
        _PLAIN.fullmatch(text) is not None
        and "eyJ" not in text
        and "/claim/" not in text
        and _OURS.search(text) is None
    )


def redact(value: object, *, depth: int = 0) -> object:
    """Return `value` as plain JSON values (text, numbers, lists, mappings) without its secrets.

    Mappings lose what stands under a name like `password`; whatever is not plain is shown as its
    text, masked like any other; what is nested deeper than eight levels is shown as `…`.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return "…" if depth >= _DEEPEST else _redact_many(value, depth + 1)
    return redact_text(_text_of(value))


def _redact_many(value: Mapping[object, object] | Iterable[object], depth: int) -> object:
    if isinstance(value, Mapping):
        return {
            redact_text(_text_of(key)): redact_field(_text_of(key), one, depth=depth)
            for key, one in value.items()
        }
    return [redact(one, depth=depth) for one in value]


def redact_field(name: str, value: object, *, depth: int = 0) -> object:
    """Return the value of the field `name`, masked whole where the name says that it is secret."""
    if names_secret(name) and value is not None and not isinstance(value, bool):
        return MASK
    return redact(value, depth=depth)


def _text_of(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a log line must come out whatever stands in it
        return f"<{type(value).__name__} without a text>"
