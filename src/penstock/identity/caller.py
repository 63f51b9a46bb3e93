"""Who is asking, as far as an access token proves it."""

from dataclasses import dataclass

from penstock.identity.scopes import Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """The person behind a request. The numbers are row numbers."""

    user_id: int
    session_id: int
    username: str
    scopes: frozenset[Scope]
