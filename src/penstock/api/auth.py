"""Who may call a route: each route says so itself, and one that says nothing cannot be added.

`caller: Annotated[Caller, require("read")]` asks for a scope and gives the person; `SIGNED_IN` asks
for a session only; `dependencies=[open_to_all("why")]` lets anybody in. routing.py enforces it
before a body is read, so that a stranger learns nothing from how we read bodies (security.md T5).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.security import OAuth2PasswordBearer

from penstock.api.dpop import CHALLENGE, ProofRefused, proved_key
from penstock.api.running import Installation, installation_of
from penstock.db import wall
from penstock.domain.asking import known_as
from penstock.domain.errors import Forbidden, NotSignedIn
from penstock.domain.secret import Secret
from penstock.identity.caller import FRESH_FOR, Caller, is_fresh
from penstock.identity.dpop import ProofBad
from penstock.identity.scopes import ALL, DESCRIPTIONS, Scope, write_scopes

_REALM: Final = 'Bearer realm="penstock"'
_SCHEMES: Final = frozenset({"bearer", "dpop"})

oauth2: Final = OAuth2PasswordBearer(
    tokenUrl="/token",
    refreshUrl="/token",
    scheme_name="OAuth2",
    scopes={scope.value: DESCRIPTIONS[scope] for scope in sorted(ALL)},
    description="Sign in with your user name and password. No client id is needed.",
    auto_error=False,
)


class TokenMissing(NotSignedIn):
    """This needs an access token, and none was sent."""

    headers: Final = {"WWW-Authenticate": f"{_REALM}, {CHALLENGE}"}


class TokenRefused(NotSignedIn):
    """The access token is not good, or not any more."""

    headers: Final = {"WWW-Authenticate": f'{_REALM}, error="invalid_token"'}


class ProofTooOld(NotSignedIn):
    """This needs you to prove once more who you are: POST /v1/me/prove, or sign in again."""

    # RFC 9470 §3: the program has the person prove it, and asks again.
    headers: Final = {
        "WWW-Authenticate": f'{_REALM}, error="insufficient_user_authentication", '
        f'error_description="a more recent authentication is required", '
        f'max_age="{int(FRESH_FOR.total_seconds())}"'
    }


class ScopeMissing(Forbidden):
    """The token does not allow this."""

    def __init__(self, needed: frozenset[Scope]) -> None:
        scope = write_scopes(needed)
        super().__init__(f"This needs a token with the scope {scope}.")
        self.headers = {
            "WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{scope}"'
        }


class OwnProgramOnly(Forbidden):
    """Only our own programs may do that to your account: `penstock login` signs you in to one."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms besides its scopes a route lets a caller in; see `require`."""

    fresh: bool = False
    export: bool = False
    own: bool = False

    async def __call__(
        self, request: Request, _token: Annotated[str | None, Depends(oauth2)] = None
    ) -> Caller:
        """Return whom routing.py let in. A route that it does not guard fails here, closed."""
        caller: Caller = request.state.caller
        return caller


def require(*names: str, fresh: bool = False, export: bool = False, own: bool = False) -> Any:  # noqa: ANN401 - FastAPI's own marker has no type to name
    """Say which scopes a route needs, all of them. The parameter is given the `Caller`.

    `fresh`: and that the person proved who they are within the last five minutes (L9, RFC 9470).
    `export`: the same, but a personal access token with the scope `export` stands for the proof.
    `own`: and that a program of ours asks. What decides who gets in, now and later (passwords,
    factors, tokens, people), is for no program of others and no script, whatever its scopes.
    """
    call = Terms(fresh or export, export, own)
    return Security(call, scopes=[Scope(name).value for name in names])


SIGNED_IN = Annotated[Caller, require()]
"""A person with any good token, whatever its scopes."""


class _Open:
    """The marker of a route without a caller. It says why, for whoever reads the code."""

    def __init__(self, why: str) -> None:
        self.why = why

    async def __call__(self) -> None:
        """There is nothing to check."""


def open_to_all(why: str) -> Any:  # noqa: ANN401 - FastAPI's own marker has no type to name
    """Say that anybody may call a route, and why that is right."""
    return Depends(_Open(why))


def needed_scopes(dependant: Dependant) -> frozenset[Scope] | None:
    """Return the scopes that a route asks for; None where it is open to all.

    Raises TypeError where the route says neither, or both.
    """
    asked = [one for one in walk(dependant) if isinstance(one.call, Terms)]
    is_open = any(isinstance(one.call, _Open) for one in walk(dependant))
    if bool(asked) == is_open:
        raise TypeError(
            f"{dependant.path}: a route says who may call it, by one of require(…) and "
            "open_to_all(…)"
        )
    if is_open:
        return None
    return frozenset(Scope(name) for one in asked for name in one.own_oauth_scopes or ())


def terms_of(dependant: Dependant) -> Terms:
    """Return on which terms a route lets a caller in."""
    said = [one.call for one in walk(dependant) if isinstance(one.call, Terms)]
    return Terms(
        fresh=any(one.fresh for one in said),
        export=any(one.export for one in said),
        own=any(one.own for one in said),
    )


def walk(dependant: Dependant) -> Iterator[Dependant]:
    """Return everything that a route depends on, itself first."""
    yield dependant
    for one in dependant.dependencies:
        yield from walk(one)


async def admit(request: Request, needed: frozenset[Scope], terms: Terms) -> Caller:
    """Let the caller in, to their own rows.

    Raises TokenMissing, TokenRefused, ProofRefused, ScopeMissing, OwnProgramOnly, ProofTooOld.
    """
    scheme, token = _credentials(request)
    running = installation_of(request.scope)
    try:
        # What was ended, or proved, in another process a moment ago counts here at once.
        anew = terms.own or terms.fresh
        caller = await running.identity.authenticate(token, anew=anew)
        await _check_key(request, running, caller, scheme, token)
    except ProofRefused:
        raise
    except NotSignedIn as error:
        raise TokenRefused(error.message) from error
    if not needed <= caller.scopes:
        raise ScopeMissing(needed)
    if terms.own and not caller.is_ours:
        raise OwnProgramOnly
    exporting = terms.export and caller.is_script and Scope.EXPORT in caller.scopes
    if terms.fresh and not exporting and not is_fresh(caller.proved_at, running.clock()):
        raise ProofTooOld
    request.state.caller = caller
    known_as(caller.user_id, caller.session_id)
    # An admin looks after all people; whatever else is asked for is the caller's own.
    wall.bind(None if Scope.ADMIN in needed else caller.user_id)
    return caller


async def _check_key(
    request: Request, running: Installation, caller: Caller, scheme: str, token: str
) -> None:
    """Let a token that is bound to a key open nothing without a proof of it (RFC 9449 §7)."""
    if (caller.key_thumbprint is not None) != (scheme == "dpop"):
        raise TokenRefused(
            "This token is bound to a key: send it as `DPoP`, with a proof."
            if caller.key_thumbprint
            else "This token is bound to no key: send it as `Bearer`."
        )
    if caller.key_thumbprint is None:
        return
    key = await proved_key(request, running, Secret(token))
    if key is None:
        raise ProofRefused(ProofBad("This token is bound to a key: send a proof in `DPoP`."))
    if key != caller.key_thumbprint:
        raise TokenRefused("The DPoP proof is of another key than the token's.")


def _credentials(request: Request) -> tuple[str, str]:
    """Return scheme and token of the one Authorization header (RFC 6750 §2.1, RFC 9449 §7.1)."""
    given = request.headers.getlist("authorization")
    if not given:
        raise TokenMissing
    scheme, _, token = given[0].partition(" ")
    if len(given) > 1 or scheme.lower() not in _SCHEMES or not token:
        raise TokenRefused("Send one Authorization header: `Bearer`, a space, and the token.")
    return scheme.lower(), token
