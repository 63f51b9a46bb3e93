"""Penstock: a self-hosted financial data hub.

For programs: `StockInfoFetcher` fetches prices, `parse_price` reads them. They are imported when
they are first used, so that `import penstock` costs nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.market import StockInfoFetcher
    from penstock.quotes.number import parse_price

__all__ = ["StockInfoFetcher", "parse_price"]


def __getattr__(name: str) -> object:
    if name == "StockInfoFetcher":
        from penstock.market import StockInfoFetcher  # noqa: PLC0415 - only where it is wanted

        return StockInfoFetcher
    if name == "parse_price":
        from penstock.quotes.number import parse_price  # noqa: PLC0415 - as above

        return parse_price
    raise AttributeError(f"module 'penstock' has no attribute {name!r}")
