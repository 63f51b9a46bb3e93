"""OFX as a tree, whether it is SGML (1.x) or XML (2.x), and however carelessly it is written.

Closing tags of values may be missing, and so may those of aggregates inside the last one. Nothing
is expanded but the entities of HTML: a document type can do no harm.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from penstock.files.trouble import unreadable

MOST_DEPTH: Final = 40
# What was taken is never given back: a file that is none is refused as fast as another is read.
_TAG: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9._]*+)([^<>]*+)>([^<]*+)")
_CDATA: Final = "<![CDATA["
_CDATA_END: Final = "]]>"
_GROUPS: Final = frozenset(
    "OFX SIGNONMSGSRSV1 SONRS STATUS FI BANKMSGSRSV1 STMTTRNRS STMTRS BANKACCTFROM BANKTRANLIST"
    " STMTTRN LEDGERBAL AVAILBAL CREDITCARDMSGSRSV1 CCSTMTTRNRS CCSTMTRS CCACCTFROM CURRENCY"
    " ORIGCURRENCY PAYEE BANKACCTTO CCACCTTO INVSTMTMSGSRSV1 INVSTMTTRNRS INVSTMTRS INVACCTFROM"
    " INVTRANLIST INVBANKTRAN INVBAL BALLIST BAL".split()
)


@dataclass(slots=True)
class Node:
    """A tag with what stands in it."""

    name: str
    line: int
    text: str = ""
    inside: list["Node"] = field(default_factory=list)

    def every(self, *names: str) -> Iterator["Node"]:
        """Yield all of these names under this one, in order, and none inside another of them."""
        waiting = self.inside[::-1]
        while waiting:
            node = waiting.pop()
            if node.name in names:
                yield node
            else:
                waiting += reversed(node.inside)

    def first(self, name: str) -> "Node | None":
        """Return the first of this name under this one."""
        return next(self.every(name), None)

    def get(self, name: str) -> str:
        """Return the text of a value that stands right here; empty where it does not."""
        return next((node.text for node in self.inside if node.name == name), "")

    def line_of(self, name: str) -> int:
        """Return where a value stands, or else its owner."""
        return next((node.line for node in self.inside if node.name == name), self.line)


def parse(text: str) -> Node:
    """Return the root, `OFX`. Raises InvalidInput where it is cut short or none at all."""
    text = _without_cdata(text)
    start = re.search(r"<OFX[\s>]", text, re.IGNORECASE)
    if start is None:
        raise unreadable(1, "there is no <OFX> in this file.")
    ends = [one.start() for one in re.finditer(r"</OFX\s*>", text, re.IGNORECASE)]
    if not ends:
        last = text.count("\n") + 1
        raise unreadable(last, "the file is cut short: </OFX> is missing.")
    return _tree(text, start.start(), ends[-1])


def _without_cdata(text: str) -> str:
    """Write as any other text what stands in it as it is."""
    kept: list[str] = []
    place = 0
    while (start := text.find(_CDATA, place)) >= 0:
        end = text.find(_CDATA_END, start + len(_CDATA))
        if end < 0:
            break
        kept += text[place:start], html.escape(text[start + len(_CDATA) : end], quote=False)
        place = end + len(_CDATA_END)
    return "".join([*kept, text[place:]])


def _tree(text: str, start: int, end: int) -> Node:
    closed = {name.upper() for name in re.findall(r"</([A-Za-z][A-Za-z0-9._]*)", text)}
    root = Node("", 0)
    path = [root]
    line, counted = 1, 0
    for found in _TAG.finditer(text, start, end):
        line += text.count("\n", counted, found.start())
        counted = found.start()
        name, said = found[2].upper(), html.unescape(found[4]).strip()
        if found[1]:
            _close(path, name)
            continue
        value = bool(said) and name not in _GROUPS
        opens = name in _GROUPS or (name in closed and not value)
        if opens:
            _close(path, name)  # a statement stands in no other: the last one was left open
        node = Node(name, line, "" if opens else said)
        path[-1].inside.append(node)
        if opens and not found[3].endswith("/"):
            path.append(node)
        if len(path) > MOST_DEPTH:
            raise unreadable(line, "there are more tags inside one another than any bank writes.")
    return root.inside[0] if root.inside else root


def _close(path: list[Node], name: str) -> None:
    """Leave the innermost one of this name, and all that was left open in it."""
    for place in range(len(path) - 1, 0, -1):
        if path[place].name == name:
            del path[place:]
            return
