"""Bytes become text by what they say of themselves, and never by a guess that loses a letter."""

import codecs
import re
from typing import Final

from penstock.files.trouble import unreadable

_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_KNOWN: Final = {"utf-8", "utf-16", "utf-32", "cp1252", "iso8859-1", "iso8859-15", "ascii"}


def marked(content: bytes) -> str | None:
    """Return the encoding that a byte order mark names."""
    return next((name for mark, name in _MARKS if content.startswith(mark)), None)


def decode(content: bytes, declared: str | None = None) -> str:
    """Return the text of a file. Raises InvalidInput.

    A byte order mark is believed first. Then UTF-8, whatever is declared, where all bytes are: no
    other text with a letter beyond ASCII happens to be that. Then what is declared, or Windows'
    Western encoding.
    """
    name = marked(content)
    if name is None:
        try:
            return _text(content.decode("utf-8"))
        except UnicodeDecodeError:
            name = known(declared) or "cp1252"
    return decode_as(content, name)


def decode_as(content: bytes, name: str) -> str:
    """Return the text in exactly this encoding. Raises InvalidInput."""
    try:
        return _text(content.decode(marked(content) or name))
    except UnicodeError as error:
        place = content.count(b"\n", 0, getattr(error, "start", 0)) + 1
        raise unreadable(
            place,
            f"it is not text in {name}.",
            "Say how the file is encoded, or export it as UTF-8.",
        ) from None


def known(name: str | None) -> str | None:
    """Return an encoding's name as Python has it, where it is one that banks use."""
    try:
        found = codecs.lookup((name or "").strip() or "-").name
    except (LookupError, ValueError):
        return None
    return found if found in _KNOWN else None


def _text(text: str) -> str:
    """Refuse what is no text, where it only happens to decode."""
    found = _CONTROL.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise unreadable(line, "it holds bytes that stand in no text: the file is of another kind.")
    return text.removeprefix("\ufeff")
