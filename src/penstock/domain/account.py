"""An account at an institution, as the provider describes it."""

from dataclasses import dataclass
from enum import StrEnum


class AccountType(StrEnum):
    """What kind of account it is."""

    CHECKING = "checking"
    SAVINGS = "savings"
    CREDIT_CARD = "credit_card"
    LOAN = "loan"
    INVESTMENT = "investment"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class AccountSeen:
    """One account of a provider's answer.

    `mask` is the last digits that a person knows it by. `identity` is a text that stays the same
    when a renewed consent gives the account a new `external_id` (an IBAN, say); only its hash is
    stored. Sub-accounts (a savings space) are accounts of their own, with `parent` set.
    """

    external_id: str
    name: str
    type: AccountType
    currency: str
    mask: str | None = None
    identity: str | None = None
    parent: str | None = None


def known_as(name: str, mask: str | None, label: str | None = None) -> str:
    """Return what a person knows an account by: their own label, or `Everyday account …4100`."""
    return label or (f"{name} …{mask}" if mask else name)
