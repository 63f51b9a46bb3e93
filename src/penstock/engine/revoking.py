"""Ending our access at the bank, as far as it lets us."""

from collections.abc import Generator

from penstock.domain.consent import Credentials
from penstock.domain.errors import OAuthError, TransportFailure
from penstock.domain.link_plan import LinkPlan, OAuthPlan, VisitPlan
from penstock.domain.protocol import Sender
from penstock.domain.request import Request, Response
from penstock.oauth.run import run
from penstock.oauth.token import revoke
from penstock.observe.log import get_logger

log = get_logger(__name__)


async def revoke_at_bank(
    plan: LinkPlan | None, opened: Credentials, send: Sender, *, connector: str
) -> bool:
    """Revoke credentials; say whether the bank confirmed it. A bank that cannot is no error."""
    ending = _ending(plan, opened)
    if ending is None:
        return False
    try:
        await run(ending, send)
    except (OAuthError, TransportFailure) as error:
        log.warning("credentials.not_revoked", connector=connector, reason=error.message)
        return False
    return True


def _ending(
    plan: LinkPlan | None, opened: Credentials
) -> Generator[Request, Response, None] | None:
    """Return the step that ends it, None where the bank has none."""
    match plan:
        case OAuthPlan(revoke_url=str()) | OAuthPlan(publishes=True):
            return revoke(plan, opened)
        case OAuthPlan(end=end) | VisitPlan(end=end) if end is not None:
            return end(opened)
        case _:
            return None
