"""The page of connectors."""

from penstock.connectors import build
from penstock.domain.link_plan import LinkPlan, OAuthPlan, TokenPlan
from penstock.domain.protocol import Connector, PendingRule
from penstock.domain.secret import Secret
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


def page() -> str:
    """Return the page."""
    here = {"sandbox_url": Secret("http://127.0.0.1:8322")}
    return TOP + "".join(section(connector) for connector in build(here).values())


def section(connector: Connector) -> str:
    """Return what there is to know about one connector."""
    missing = ", ".join(f"`{one}`" for one in connector.missing_settings)
    rows = [
        ("documentation", connector.docs_url),
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
