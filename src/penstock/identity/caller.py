"""Who is asking, as far as an access token proves it."""

from dataclasses import dataclass

from penstock.identity.purpose import OWN_CLIENT
from penstock.identity.scopes import Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """The person behind a request. The numbers are row numbers.

    `client_id` is the program that asks for them; `key_thumbprint` is that of the key to which the
    token is bound, None where whoever has the token may use it.
    """

    user_id: int
    session_id: int
    username: str
    scopes: frozenset[Scope]
    client_id: str = OWN_CLIENT
    key_thumbprint: str | None = None
