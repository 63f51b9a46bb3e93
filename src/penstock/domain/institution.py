"""The bank, broker or card issuer where a person has accounts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Institution:
    """An institution as its provider names it."""

    external_id: str
    name: str
