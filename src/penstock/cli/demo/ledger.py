"""Our ledger and the bank's own books, written alike, so that they can be compared row by row."""

from collections import Counter
from decimal import Decimal
from typing import Any

from penstock.cli.client import Client

Line = tuple[str, ...]


async def ours(client: Client) -> Counter[Line]:
    """Return every row that the API lists."""
    masks = {row["id"]: row["mask"] async for row in client.pages("/v1/accounts")}
    return Counter(
        [_line(masks[row["account_id"]], row) async for row in client.pages("/v1/transactions")]
    )


def theirs(truth: dict[str, Any]) -> Counter[Line]:
    """Return every row that the bank has."""
    masks = {row["external_id"]: row["mask"] for row in truth["accounts"]}
    return Counter(_line(masks[row["account"]], row) for row in truth["transactions"])


async def our_balances(client: Client) -> dict[Line, Decimal]:
    """Return the newest balances that the API lists, by account and kind."""
    masks = {row["id"]: row["mask"] async for row in client.pages("/v1/accounts")}
    return {
        (masks[row["account_id"]], row["type"], row["currency"]): Decimal(row["amount"])
        async for row in client.pages("/v1/balances")
    }


def their_balances(truth: dict[str, Any]) -> dict[Line, Decimal]:
    """Return the balances that the bank states, by account and kind."""
    masks = {row["external_id"]: row["mask"] for row in truth["accounts"]}
    return {
        (masks[row["account"]], row["kind"], row["currency"]): Decimal(row["amount"])
        for row in truth["balances"]
    }


def differences(one: Counter[Line], other: Counter[Line]) -> int:
    """Return how many rows one side has and the other has not."""
    return (one - other).total() + (other - one).total()


def _line(mask: str, row: dict[str, Any]) -> Line:
    """Return what both sides know of a row; the ids are each side's own."""
    names = ("status", "currency", "booked_on", "description")
    return (mask, str(Decimal(row["amount"])), *(str(row[name]) for name in names))
