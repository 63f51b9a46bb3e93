"""The ways in which the bank can behave, each with its name in plain words."""

from enum import StrEnum


class Scenario(StrEnum):
    """How the bank treats one consent; chosen when the person links, and kept with the grant."""

    CALM = "calm"
    RATE_LIMITED = "rate_limited"
    FLAKY = "flaky"
    MUTATION = "mutation"
    PENDING = "pending"
    REMOVED = "removed"
    REKEY = "rekey"
    TWINS = "twins"
    NO_IDS = "no_ids"
    STRICT_ROTATION = "strict_rotation"
    ROTATION_WITH_GRACE = "rotation_with_grace"
    CONSENT_EXPIRING = "consent_expiring"
    CONSENT_EXPIRED = "consent_expired"
    CONSENT_REVOKED = "consent_revoked"
    ROTATED_TOKEN_LOST = "rotated_token_lost"  # noqa: S105  a scenario's name, no token
    GARBAGE = "garbage"
    FUTURE_DATED = "future_dated"
    MANY_CURRENCIES = "many_currencies"
    INVESTED = "invested"


IN_WORDS = {
    Scenario.CALM: "everything works",
    Scenario.RATE_LIMITED: "every fourth request is refused with 429",
    Scenario.FLAKY: "server errors, resets, slow and cut answers",
    Scenario.MUTATION: "rows change while the pages are being read",
    Scenario.PENDING: "pending rows settle, with a tip, after each update",
    Scenario.REMOVED: "rows are taken back, and some return, after each update",
    Scenario.REKEY: "rows get new ids after each update, without a word",
    Scenario.TWINS: "each purchase is there twice, and both are real",
    Scenario.NO_IDS: "ids are missing, blank, zero or used twice",
    Scenario.STRICT_ROTATION: "an old refresh token, used again, ends the consent",
    Scenario.ROTATION_WITH_GRACE: "the last refresh token works once more",
    Scenario.CONSENT_EXPIRING: "the consent ends in three days",
    Scenario.CONSENT_EXPIRED: "the consent runs out after the first update",
    Scenario.CONSENT_REVOKED: "the consent is taken back after the first update",
    Scenario.ROTATED_TOKEN_LOST: "the first refresh is done, but its answer never arrives",
    Scenario.GARBAGE: "HTML, wrong types, NaN and huge numbers, six times over",
    Scenario.FUTURE_DATED: "pending rows are dated in days to come",
    Scenario.MANY_CURRENCIES: "accounts in six currencies, with 0 to 8 decimals",
    Scenario.INVESTED: "an account with shares, coins and a short, whose prices move",
}

SHAPES_THE_WORLD = frozenset(
    {Scenario.TWINS, Scenario.FUTURE_DATED, Scenario.MANY_CURRENCIES, Scenario.INVESTED}
)
"""Scenarios that change what the world contains; all others change how the bank behaves."""
