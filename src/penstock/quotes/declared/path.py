"""Paths into JSON: `$.chart.result[0].meta`, `$['Global Quote']['05. price']`, `@.price`.

A part of JSONPath (RFC 9535) that leads to one value: names, names in brackets, numbers from the
front and, negative, from the back. `$` is the whole answer, `@` the row of it that is about the
symbol. Names may have words of the symbol in them: `$['{id}'].{quote}`.
"""

import re
from functools import lru_cache
from typing import Final

Step = str | int
Path = tuple[Step, ...]

_ROOT: Final = re.compile(r"[$@]")
_STEP: Final = re.compile(
    r"\.([A-Za-z_{][\w{}-]*)|\['([^']*)'\]|\[\"([^\"]*)\"\]|\[(-?(?:0|[1-9]\d{0,5}))\]"
)


def is_path(text: str) -> bool:
    """Say whether a text is meant as a path, and no constant."""
    return text.startswith(("$", "@"))


def is_of_row(text: str) -> bool:
    """Say whether a path begins at the symbol's row."""
    return text.startswith("@")


@lru_cache(maxsize=1024)
def steps_of(text: str) -> Path:
    """Return the steps of a path. Raises ValueError for what is none."""
    if not _ROOT.match(text):
        raise ValueError(f"{text!r} is no path: one begins with $ (the answer) or @ (its row)")
    place, steps = 1, list[Step]()
    while place < len(text):
        found = _STEP.match(text, place)
        if found is None:
            raise ValueError(
                f"{text!r} is no path from {text[place:]!r} on: steps are .name, ['name'] and [0]"
            )
        name = next((part for part in found.groups()[:3] if part is not None), "")
        steps.append(int(found[4]) if found[4] else name)
        place = found.end()
    return tuple(steps)
