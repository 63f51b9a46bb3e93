"""Ending our access at the bank, as far as it lets us."""

from penstock.domain.consent import Credentials
from penstock.domain.errors import OAuthError, TransportFailure
from penstock.domain.link_plan import LinkPlan, OAuthPlan
from penstock.domain.protocol import Sender
from penstock.oauth.run import run
from penstock.oauth.token import revoke
from penstock.observe.log import get_logger

log = get_logger(__name__)


async def revoke_at_bank(
    plan: LinkPlan | None, opened: Credentials, send: Sender, *, connector: str
) -> bool:
    """Revoke credentials; say whether the bank confirmed it. A bank that cannot is no error."""
    if not isinstance(plan, OAuthPlan) or plan.revoke_url is None:
        return False
    try:
        await run(revoke(plan, opened), send)
    except (OAuthError, TransportFailure) as error:
        log.warning("credentials.not_revoked", connector=connector, reason=error.message)
        return False
    return True
