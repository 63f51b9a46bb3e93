"""The page of connectors."""

from collections.abc import Callable, Collection, Sequence
from enum import StrEnum

from penstock.connectors import build
from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.limit import Limit, Scope
from penstock.domain.link_plan import LinkPlan, OAuthPlan, TokenPlan
from penstock.domain.protocol import Connector, PendingRule
from penstock.domain.secret import Secret
from penstock.domain.update import Absence
from scripts.pages.table import table

TOP = """# Connectors

What can be linked, and what each bank's feed is like. `penstock connect NAME` begins.

"""

PENDING = {
    PendingRule.SAME_ID: "a pending row keeps its id when it is posted",
    PendingRule.USUALLY_SAME_ID: "a pending row keeps its id when it is posted; of one that does "
    "not, account, amount and day must be certain",
    PendingRule.LINKED: "a posted row names the pending one that it was",
    PendingRule.UNLINKED: "the bank does not say: account, amount and day must be certain",
    PendingRule.NEVER: "the feed tells of none",
}


SHORT = {
    PendingRule.SAME_ID: "same id",
    PendingRule.USUALLY_SAME_ID: "same id, mostly",
    PendingRule.LINKED: "named",
    PendingRule.UNLINKED: "found out",
    PendingRule.NEVER: "no",
}
GONE = {
    Absence.NOTHING: "no",
    Absence.PENDING_GONE: "pending rows, by their absence",
    Absence.REMOVED: "by its absence",
}

CAPABILITIES = """## What each protocol can say

The same bank, told through each of these, is the same ledger, but for what a protocol leaves out.
This table is made of what the connectors declare, and the tests compare them with one another by
the same declarations.

"""

Says = Callable[[Connector], str]
SAYS: Sequence[tuple[str, Says]] = (
    ("accounts", lambda one: words(one.says.types, AccountType)),
    ("balances", lambda one: words(one.says.balances, BalanceKind)),
    ("pending rows", lambda one: mark(one.says.pending)),
    ("becoming posted", lambda one: SHORT[one.pending_rule]),
    ("what is taken back", lambda one: "said" if one.sends_removals else GONE[one.absence]),
    ("payments to come", lambda one: mark(one.says.to_come)),
    ("the day of a purchase", lambda one: mark(one.says.happened)),
    ("what was paid abroad", lambda one: mark(one.says.abroad)),
    ("changes of old rows", lambda one: "yes" if one.says.later else "`--from-start`"),
    ("old history", lambda one: "yes" if one.says.long_ago else "once linked, for minutes"),
    ("ids", lambda one: "may change" if one.reissues_ids else "for life"),
    ("several rows under one id", lambda one: mark(one.reuses_ids)),
    ("holdings", lambda one: mark(one.says.holdings)),
    ("institutions to choose", lambda one: mark(one.search is not None)),
    ("webhooks", lambda one: mark(one.hooks is not None)),
    ("asked at most", lambda one: ", ".join(map(often, one.budgets)) or "not documented"),
)


def page() -> str:
    """Return the page."""
    given = {"sandbox_url": "http://127.0.0.1:8322", "snaptrade_consumer_key": "key"}
    here = {name: Secret(text) for name, text in given.items()}
    known = list(build(here).values())
    rows = [(what, *(says(one) for one in known)) for what, says in SAYS]
    said = CAPABILITIES + table(["", *(one.name for one in known)], rows)
    return TOP + said + "".join(section(connector) for connector in known)


def words(said: Collection[StrEnum], kinds: type[StrEnum]) -> str:
    """Return what is said, in the order in which we have it."""
    if len(said) == len(kinds):
        return "all"
    return ", ".join(one.value.replace("_", " ") for one in kinds if one in said)


def mark(says: bool) -> str:  # noqa: FBT001  a mark for yes and no
    """Return a word for whether it is said."""
    return "yes" if says else "no"


def often(limit: Limit) -> str:
    """Return a limit in a few words."""
    seconds = int(limit.window.total_seconds())
    span = {1: "s", 60: "min", 3600: "h", 86_400: "day"}.get(seconds, f"{seconds} s")
    whose = "" if limit.scope is Scope.APP else f" for each {limit.scope}"
    return f"{limit.calls:,} a {span}{whose}{f' ({limit.endpoint})' if limit.endpoint else ''}"


def section(connector: Connector) -> str:
    """Return what there is to know about one connector."""
    missing = ", ".join(f"`{one}`" for one in connector.missing_settings)
    rows = [
        ("documentation", connector.docs_url),
        ("where to get what it needs", connector.keys_url),
        ("how to link", "; or ".join(way(plan) for plan in connector.link_plans)),
        (
            "settings it needs",
            missing or "none",
        ),
        ("pending rows", PENDING[connector.pending_rule]),
        ("removed rows", "the feed says so" if connector.sends_removals else "the feed never says"),
    ]
    about = table(["", ""], rows)
    return f"## {connector.name}\n\n{connector.title}.\n\n{about}"


def way(plan: LinkPlan) -> str:
    """Return how a person gives consent, in a few words."""
    if isinstance(plan, OAuthPlan):
        lasts = f", for {plan.consent_days} days" if plan.consent_days else ""
        return f"OAuth 2 in the browser{' with PKCE' if plan.pkce else ''}{lasts}"
    if isinstance(plan, TokenPlan):
        return f"a token of your own: {plan.where}"
    lasts = f", for {plan.consent_days} days" if plan.consent_days else ""
    return f"a consent at the bank, in the browser{lasts}"
