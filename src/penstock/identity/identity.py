"""Everything about people that others may ask for."""

from dataclasses import dataclass, replace
from functools import partial

from penstock.db import sessions as stored_sessions
from penstock.db import users
from penstock.db.audit import AuditLog
from penstock.db.lane import Database
from penstock.db.sessions import SessionRow
from penstock.db.users import UserRow
from penstock.domain.clock import Clock
from penstock.domain.secret import Secret
from penstock.identity import setup
from penstock.identity.browsing import Browsing
from penstock.identity.caller import Caller
from penstock.identity.decoys import Bait, Decoys
from penstock.identity.deeds import Deeds
from penstock.identity.devices import Devices
from penstock.identity.factors import Factors
from penstock.identity.ground import Ground
from penstock.identity.keyring import Keyring
from penstock.identity.live import LiveSessions
from penstock.identity.passkeys import Passkeys
from penstock.identity.passwords import Passwords, check_new, is_plausible
from penstock.identity.people import People
from penstock.identity.personal import PersonalTokens, is_personal
from penstock.identity.proving import Proving
from penstock.identity.purpose import OURS, Presenter, Purpose
from penstock.identity.refreshing import RefreshTokens
from penstock.identity.scopes import Scope, allowed
from penstock.identity.sessions import Ended, RefreshRefused, Reused, SignInRefused, Where
from penstock.identity.setup import SetupLink
from penstock.identity.throttle import Throttle
from penstock.identity.tokens import LIFETIME, Grant, TokenBad, TokenFormat, key_name
from penstock.identity.usernames import known_username, new_username
from penstock.identity.verified import Verified
from penstock.observe.log import get_logger
from penstock.vault.cipher import Cipher
from penstock.vault.hashing import hash_token

_log = get_logger("penstock.identity")


@dataclass(frozen=True, slots=True)
class Issued:
    """What somebody gets who signed in. `expires_in` is the access token's, in seconds.

    `token_type` is "DPoP" where the access token is bound to a key (RFC 9449 §5), else "Bearer".
    """

    access: Secret
    refresh: Secret
    expires_in: int
    scopes: frozenset[Scope]
    session_id: int
    token_type: str = "Bearer"  # noqa: S105 - a type, no token


class Identity:
    """Signs people in and out, and says who is asking.

    `pepper` is at least 32 bytes that are not in the database. `issuer` names this installation in
    its tokens.
    """

    def __init__(  # noqa: PLR0913 - each is named
        self,
        database: Database,
        cipher: Cipher,
        clock: Clock,
        *,
        pepper: bytes,
        issuer: str = "penstock",
        passwords: Passwords | None = None,
        audit: AuditLog | None = None,
        decoys: Decoys | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        audit = audit or AuditLog(cipher)
        self.keyring = Keyring(database, cipher, clock, audit=audit)
        self._passwords = passwords or Passwords(pepper)
        self._throttle = Throttle(pepper)
        self._format = TokenFormat(issuer)
        self._deeds = Deeds(clock, self._throttle, RefreshTokens(pepper), audit, decoys)
        self._verified = Verified(self._format)
        self._live = LiveSessions(database, clock)
        self.ground = ground = Ground(
            database, cipher, clock, audit, self._passwords, self._throttle, self._live, pepper
        )
        self.browsing = Browsing(database, clock, self._live, audit)
        self.factors = Factors(ground)
        self.passkeys = Passkeys(ground, self.factors)
        self.people = People(ground)
        self.proving = Proving(ground, self.factors)
        self.personal = PersonalTokens(
            database,
            clock,
            self._live,
            audit,
            is_decoy=partial(decoys.caught, Bait.PERSONAL_TOKEN) if decoys else None,
        )
        self.devices = Devices(database, clock, self._throttle, audit, key=pepper)
        self.forget = self._live.forget

    def close(self) -> None:
        """End the threads on which passwords are hashed."""
        self._passwords.close()

    async def sign_in(
        self,
        username: str,
        password: Secret,
        where: Where,
        purpose: Purpose | None = None,
        code: Secret | None = None,
    ) -> Issued:
        """Begin a session; `code` is that of the second factor, where the person has one.

        Raises SignInRefused, the same for a wrong name, a wrong password and a disabled person
        (L3), TooManyAttempts, and where the password was right FactorNeeded and FactorRefused.
        """
        user = await self.check_password(username, password, where)
        methods = await self.factors.methods(user, code, where.address)
        purpose = replace(purpose or Purpose(), methods=methods)
        return await self.begin_for(user, where, purpose)

    async def check_password(self, username: str, password: Secret, where: Where) -> UserRow:
        """Return the person whose name and password these are; nothing begins by it.

        Raises as `sign_in` does.
        """
        name = known_username(username)
        if not is_plausible(password):
            raise SignInRefused
        attempt = await self._database.write(
            self._throttle.begin, username=name, address=where.address, now=self._clock()
        )
        user = await self._database.read(users.find, name)
        right = await self._passwords.matches(password, user.password_hash if user else None)
        if user is None or not right or user.disabled_at is not None:
            await self._database.write(self._deeds.refused, attempt, user, right=right)
            _log.info("sign_in_refused")
            raise SignInRefused
        await self._database.write(self._throttle.succeed, attempt, now=self._clock())
        return user

    async def begin_session(
        self,
        user_id: int,
        where: Where,
        purpose: Purpose | None = None,
    ) -> Issued:
        """Begin a session of somebody who proved who they are."""
        user = await self._database.read(users.get, user_id)
        return await self.begin_for(user, where, purpose or Purpose())

    async def begin_for(self, user: UserRow, where: Where, purpose: Purpose) -> Issued:
        """Begin a session of somebody as they were when they proved it. Raises SignInRefused."""
        purpose = replace(purpose, scopes=allowed(purpose.scopes, user.role))
        token = self._deeds.tokens.first()
        session_id = await self._database.write(self._deeds.begin, user, purpose, where, token)
        _log.info("signed_in", user=user.id, session=session_id)
        grant = Grant(
            user.id, session_id, purpose.scopes, purpose.client_id, purpose.key_thumbprint
        )
        return await self._issue(grant, token)

    async def refresh(
        self,
        token: Secret,
        scopes: frozenset[Scope] | None = None,
        presenter: Presenter = OURS,
    ) -> Issued:
        """Exchange a refresh token for new tokens; `scopes` may ask for fewer than the session has.

        Raises RefreshRefused, and UnknownScope where the session does not have those scopes.
        """
        done = await self._database.write(self._deeds.rotate, token, presenter, scopes)
        if isinstance(done, Reused):
            _log.warning("refresh_token_reused", session=done.session_id, ended=done.ended)
            self._live.forget([done.session_id])
        if done is None or isinstance(done, Reused):
            raise RefreshRefused
        return await self._issue(*done)

    async def authenticate(self, token: str, *, anew: bool = False) -> Caller:
        """Return who holds an access token. Raises TokenBad where it or its session is not good.

        A session's end is seen at once in the process that ended it, elsewhere within 5 s, or at
        once where the database is asked `anew`.
        """
        grant = await self._grant(token)
        if anew:
            self.forget([grant.session_id])
        holder = await self._live.holder(grant.session_id)
        if holder is None or holder.user_id != grant.user_id:
            raise TokenBad("The session has ended.")
        return Caller(
            grant.user_id,
            grant.session_id,
            holder.username,
            allowed(grant.scopes, holder.role),
            grant.client_id,
            grant.key_thumbprint,
            holder.proved_at,
        )

    async def sign_out(self, caller: Caller) -> None:
        """End the session that is asking."""
        await self.end_session(caller.session_id, user_id=caller.user_id, why=Ended.SIGNED_OUT)

    async def sessions(self, user_id: int, *, after: int = 0, limit: int = 100) -> list[SessionRow]:
        """Return a person's live sessions."""
        return await self._database.read(
            stored_sessions.page, user_id=user_id, now=self._clock(), after=after, limit=limit
        )

    async def end_session(self, session_id: int, *, user_id: int, why: Ended = Ended.ENDED) -> None:
        """End one of a person's sessions, if it has not ended yet. Raises NotFound."""
        await self._database.write(self._deeds.end, session_id, user_id, why)
        self._live.forget([session_id])

    async def add_user(self, username: str, password: Secret) -> int:
        """Make a person; return the row's number. Raises InvalidInput, Conflict."""
        name = new_username(username)
        check_new(password, name)
        password_hash = await self._passwords.hash(password)
        return await self._database.write(self._deeds.add, name, password_hash)

    async def change_password(self, caller: Caller, old: Secret, new: Secret) -> None:
        """Replace the caller's password and end everything of theirs but this session (R6).

        Raises SignInRefused where the old one is wrong, PasswordRefused, TooManyAttempts.
        """
        check_new(new, caller.username)
        if await self.proving.check_password(caller, old) is None:
            raise SignInRefused("The present password is not that one.")
        await self.people.change_password(caller, new)

    async def offer_setup(self) -> SetupLink | None:
        """Return a link to make the first person with; None where there is somebody already."""
        return await self._database.write(setup.offer, now=self._clock())

    async def check_setup(self, token: Secret) -> None:
        """Raise SetupOver unless the link is good."""
        await self._database.read(setup.check, token, now=self._clock())

    async def finish_setup(self, token: Secret, username: str, password: Secret) -> int:
        """Make the first person; return the row's number.

        Raises SetupOver, InvalidInput, PasswordRefused.
        """
        await self.check_setup(token)
        name = new_username(username)
        check_new(password, name)
        password_hash = await self._passwords.hash(password)
        return await self._database.write(self._deeds.add, name, password_hash, token)

    async def is_decoy(self, token: Secret) -> bool:
        """Say whether it is a decoy's refresh token, and raise the alarm if so."""
        decoys = self._deeds.decoys
        return decoys is not None and await decoys.caught(Bait.REFRESH_TOKEN, hash_token(token))

    async def _grant(self, token: str) -> Grant:
        if is_personal(token):
            return await self.personal.grant(token)
        key = await self.keyring.key(key_name(token))
        return self._verified.read(token, key, now=self._clock())

    async def _issue(self, grant: Grant, refresh: Secret) -> Issued:
        signer = await self.keyring.signer()
        access = Secret(self._format.issue(grant, signer, now=self._clock()))
        return Issued(
            access,
            refresh,
            int(LIFETIME.total_seconds()),
            grant.scopes,
            grant.session_id,
            "DPoP" if grant.key_thumbprint else "Bearer",
        )
