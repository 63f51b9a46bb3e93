"""What a way to a price finds in an answer, as it stands there."""

import msgspec


class Found(msgspec.Struct, frozen=True, gc=False):
    """What an alternate found, as texts: `extractor` is its name, `symbol` whose price it says.

    `exact`: the price is a number of a data format, so that no locale has a say in it. `delay` is
    in seconds. `percent_of_par` is None where the answer does not say what the price is of.
    `unknown`: the source says that it has no price.
    """

    extractor: str
    price: str
    currency: str | None = None
    time: str | None = None
    symbol: str | None = None
    exact: bool = False
    venue: str | None = None
    delay: str | None = None
    percent_of_par: bool | None = None
    unknown: bool = False
