"""Which budgets a request of a connection spends of (sync.md 23)."""

import hashlib
from collections.abc import Sequence

from penstock.domain.budget import Use
from penstock.domain.limit import Limit, Scope
from penstock.domain.request import Request


def uses_of(
    limits: Sequence[Limit], connector: str, connection_id: int, request: Request
) -> tuple[Use, ...]:
    """Return the budgets that a request of a connection spends of."""
    return tuple(
        _use(limit, connector, connection_id, request)
        for limit in limits
        if limit.endpoint in ("", request.endpoint)
        and (limit.scope is not Scope.ACCOUNT or request.account)
    )


def use_told(
    limits: Sequence[Limit], connector: str, connection_id: int, request: Request, family: str
) -> Use:
    """Return the budget that a family of headers speaks of.

    Where no declared limit is told by it, it is the connection's own, or the account's where the
    family is named for accounts.
    """
    for use in uses_of(limits, connector, connection_id, request):
        if use.limit is not None and use.limit.told_by == family:
            return use
    by_account = "account" in family and bool(request.account)
    scope = Scope.ACCOUNT if by_account else Scope.CONNECTION
    key = f"{connector}:{scope}:told:{family}#{connection_id}"
    if not by_account:
        return Use(key, connector, scope, None, connection_id)
    key += _account_key(request)
    return Use(key, connector, scope, None, connection_id, request.account, request.endpoint)


def _use(limit: Limit, connector: str, connection_id: int, request: Request) -> Use:
    kind = "rate" if limit.spaced else "quota"
    key = f"{connector}:{limit.scope}:{kind}:{limit.window.total_seconds():g}:{limit.endpoint}"
    if limit.scope is Scope.APP:
        return Use(key, connector, limit.scope, limit, endpoint=limit.endpoint)
    key += f"#{connection_id}"
    if limit.scope is Scope.CONNECTION:
        return Use(key, connector, limit.scope, limit, connection_id, endpoint=limit.endpoint)
    key += _account_key(request)
    return Use(key, connector, limit.scope, limit, connection_id, request.account, request.endpoint)


def _account_key(request: Request) -> str:
    """Return what tells accounts apart, in a length that is always the same."""
    digest = hashlib.blake2b(request.account.encode(), digest_size=12).hexdigest()
    return f"#{request.endpoint}#{digest}"
