"""The sources that come with Penstock: one TOML file each in `sources/`."""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from penstock.domain.errors import InvalidInput
from penstock.domain.remedy import fix_code
from penstock.quotes.declaration import Declaration, read_declaration


@cache
def all_sources() -> tuple[Declaration, ...]:
    """Return every declaration that comes with Penstock, the better tiers first."""
    folder = files("penstock.quotes").joinpath("sources")
    paths = sorted((path for path in folder.iterdir()), key=lambda path: path.name)
    sources = [
        read_declaration(path.read_text(encoding="utf-8"), path.name)
        for path in paths
        if path.name.endswith(".toml")
    ]
    order = list(type(sources[0].tier))
    return tuple(sorted(sources, key=lambda source: order.index(source.tier)))


def sources_named(names: Iterable[str]) -> tuple[Declaration, ...]:
    """Return the declarations with these ids, in this order. Raises InvalidInput for another id."""
    known = {source.id: source for source in all_sources()}
    chosen = []
    for name in names:
        if name not in known:
            raise InvalidInput(
                f"There is no quote source {name!r}.",
                remedy=fix_code(f"Choose from {', '.join(sorted(known))}."),
            )
        chosen.append(known[name])
    return tuple(chosen)
