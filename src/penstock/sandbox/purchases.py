"""What people buy in the fake bank's world, and what it costs in cents."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shop:
    """Somebody who is paid: `least` and `most` are cents, `tips` says that a tip is usual."""

    name: str
    category: str
    least: int
    most: int
    currency: str | None = None
    tips: bool = False


SHOPS = (
    Shop("Greengrocer Lindholm", "groceries", 350, 4_900),
    Shop("Corner Bakery", "groceries", 120, 1_450),
    Shop("Café Zürich", "eating out", 280, 2_300, tips=True),
    Shop("Trattoria da Pino", "eating out", 1_800, 9_400, tips=True),
    Shop("Night Bus 7", "transport", 210, 640),
    Shop("Rail & Sea", "transport", 1_990, 14_900),
    Shop('Books "Am Markt"', "leisure", 799, 5_600),
    Shop("100% Cotton", "clothes", 1_500, 12_900),
    Shop("Pharmacy Søndergaard", "health", 390, 6_200),
    Shop("Kaufhaus \\ Söhne", "household", 990, 18_900),
    Shop("Tokyo Noodles 東京", "eating out", 900, 3_400, currency="JPY", tips=True),
    Shop("Hudson Diner", "eating out", 1_100, 6_600, currency="USD", tips=True),
    Shop("Loch & Glen", "leisure", 2_100, 9_900, currency="GBP"),
)

ABROAD = {"JPY": 162, "USD": 108, "GBP": 85}
"""What a hundred euro cents buy, in the smallest coin of the other currency."""


def shop_named_in(description: str) -> Shop | None:
    """Return the shop with whose name a row's description begins."""
    return next((shop for shop in SHOPS if description.startswith(shop.name)), None)
