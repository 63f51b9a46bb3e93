"""The access token for one address: the one that was given, or the stored session's, refreshed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import httpx2

from penstock.cli.failure import SIGN_IN_REMEDY, Failed, SignInNeeded
from penstock.cli.lock import locked
from penstock.cli.problem import failed_by_answer, read_object, unreachable_as_failed
from penstock.cli.session import IN_PROCESS, Session, Sessions
from penstock.cli.session_keys import SessionKey
from penstock.domain.clock import Clock


class FactorWanted(SignInNeeded):
    """The password is right, and a code of the second factor is needed too."""


_MARGIN: Final = timedelta(seconds=20)


class Access:
    """Whose token goes along with each request. A token is sent to `address` alone."""

    def __init__(
        self,
        address: str,
        sessions: Sessions,
        *,
        http: httpx2.AsyncClient,
        clock: Clock,
        given: str | None = None,
    ) -> None:
        self.address = address
        self._sessions = sessions
        self._http = http
        self._clock = clock
        self._given = given
        self._nonce: str | None = None

    def with_token(self, given: str | None) -> "Access":
        """Return the same with another given token; None: with the stored session alone."""
        return Access(self.address, self._sessions, http=self._http, clock=self._clock, given=given)

    async def token(self) -> str:
        """Return a token that is good for a while yet. Raises Failed (4) where nobody signed in."""
        if self._given:
            return self._given
        session = self._stored()
        if session.expires_at is None or session.expires_at - _MARGIN > self._clock():
            return session.access
        return await self.renewed(session.access)

    async def renewed(self, refused: str) -> str:
        """Return a new token in place of one that was `refused`. Raises Failed (4).

        Of several processes one refreshes, and the others find its token in the file.
        """
        if self._given:
            raise SignInNeeded(
                "the token that was given is not, or no longer, good",
                remedy="Set PENSTOCK_TOKEN to a new one, or unset it and run `penstock login`.",
            )
        async with self._alone():
            session = self._stored()
            if session.access != refused:
                return session.access
            if session.refresh is None:
                raise self._over()
            renewed = await self._refresh(session, session.refresh)
            self._sessions.save(self.address, renewed)
            return renewed.access

    def authorize(self, request: httpx2.Request, token: str) -> None:
        """Put the token onto a request, and the proof of its key where it is bound to one."""
        key = None
        if not self._given:
            session = self._sessions.find(self.address)
            key = self._sessions.keys.find(self.address) if session and session.bound else None
        self._put_on(request, token, key)

    def wants_nonce(self, response: httpx2.Response) -> bool:
        """Say whether a refusal only asks for a proof with the nonce that it gave, and keep it."""
        asked = response.headers.get("www-authenticate", "")
        nonce = response.headers.get("dpop-nonce")
        if nonce is None or "use_dpop_nonce" not in asked:
            return False
        self._nonce = nonce
        return True

    async def sign_in(self, username: str, password: str, code: str = "") -> Session:
        """Trade a name, a password and a code for a session, and store it.

        Raises FactorWanted where the person has a second factor and there is no code, Failed.
        """
        form = {"grant_type": "password", "username": username, "password": password}
        form |= {"otp": code} if code else {}
        return await self.trade(form, username)

    async def trade(
        self, form: dict[str, str], username: str = "", key: SessionKey | None = None
    ) -> Session:
        """Trade what a person agreed to for a session bound to a new key, and store it.

        Without a name the server is asked for it. Raises Failed, and NotYet where nobody decided.
        """
        key = key or SessionKey()
        session = await self._ask_for_tokens(form, username, key)
        if not username:
            session = replace(session, username=await self._name(session, key))
        await self.store(session, key)
        return session

    async def metadata(self) -> dict[str, Any]:
        """Return what the server says of its endpoints (RFC 8414). Raises Failed."""
        with unreachable_as_failed(self.address):
            response = await self._http.get("/.well-known/oauth-authorization-server")
        if not response.is_success:
            raise failed_by_answer(response)
        told = read_object(response)
        if not isinstance(told.get("authorization_endpoint"), str):
            raise failed_by_answer(response)
        return told

    async def ask(
        self, path: str, form: dict[str, str], key: SessionKey | None = None
    ) -> httpx2.Response:
        """Send a form without a token, with a proof of the key; once more where a nonce is asked.

        Raises Failed where no answer comes.
        """
        with unreachable_as_failed(self.address):
            response = await self._http.send(self._form(path, form, key))
            nonce = response.headers.get("dpop-nonce")
            if key is not None and nonce and "use_dpop_nonce" in response.text:
                self._nonce = nonce
                response = await self._http.send(self._form(path, form, key))
        return response

    async def store(self, session: Session, key: SessionKey | None = None) -> None:
        """Store a session in place of the last one, and the key that it is bound to."""
        async with self._alone():
            if session.bound and key is not None:
                self._sessions.keys.save(self.address, key)
            else:
                self._sessions.keys.delete(self.address)
            self._sessions.save(self.address, session)

    async def forget(self) -> None:
        """Delete the stored session."""
        async with self._alone():
            self._sessions.delete(self.address)

    def find_session(self) -> Session | None:
        """Return the stored session, if there is one."""
        return self._sessions.find(self.address)

    def _stored(self) -> Session:
        session = self._sessions.find(self.address)
        if session is None:
            where = "here" if self.address == IN_PROCESS else f"at {self.address}"
            raise SignInNeeded(f"nobody is signed in {where}", remedy=SIGN_IN_REMEDY)
        return session

    async def _refresh(self, session: Session, refresh: str) -> Session:
        form = {"grant_type": "refresh_token", "refresh_token": refresh}
        try:
            key = self._sessions.keys.find(self.address) if session.bound else None
            renewed = await self._ask_for_tokens(form, session.username, key)
        except SignInNeeded as refused:
            self._sessions.delete(self.address)
            raise self._over() from refused
        return renewed if renewed.refresh else replace(renewed, refresh=refresh)

    def _form(self, path: str, form: dict[str, str], key: SessionKey | None) -> httpx2.Request:
        request = self._http.build_request("POST", path, data=form)
        if key is not None:
            request.headers["DPoP"] = key.proof(request, self._clock(), nonce=self._nonce)
        return request

    async def _name(self, session: Session, key: SessionKey) -> str:
        """Ask whose session it is that begins."""
        request = self._http.build_request("GET", "/v1/me")
        self._put_on(request, session.access, key if session.bound else None)
        with unreachable_as_failed(self.address):
            response = await self._http.send(request)
        if not response.is_success:
            raise failed_by_answer(response)
        return str(read_object(response).get("username", ""))

    def _put_on(self, request: httpx2.Request, token: str, key: SessionKey | None) -> None:
        request.headers["Authorization"] = f"{'DPoP' if key else 'Bearer'} {token}"
        if key is not None:
            proof = key.proof(request, self._clock(), token=token, nonce=self._nonce)
            request.headers["DPoP"] = proof

    async def _ask_for_tokens(
        self, form: dict[str, str], username: str, key: SessionKey | None
    ) -> Session:
        asked_at = self._clock()
        response = await self.ask("/token", form, key)
        if not response.is_success:
            raise _refused(response, form)
        answer = read_object(response)
        if not isinstance(answer.get("access_token"), str):
            raise failed_by_answer(response)
        return _session(answer, username, asked_at)

    def _over(self) -> Failed:
        return SignInNeeded("the session is over", remedy="Run `penstock login` to sign in again.")

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        self._sessions.prepare()
        with contextlib.ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, locked(self._sessions.lock))
            yield


class NotYet(Failed):
    """A device is not signed in yet; `code` is the `error` of RFC 8628 §3.5."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _refused(response: httpx2.Response, form: Mapping[str, str]) -> Failed:
    """Put a refusal of the token endpoint into words; RFC 6749 §5.2 has a form of its own."""
    try:
        refusal = response.json()
    except ValueError:
        return failed_by_answer(response)
    if not isinstance(refusal, dict) or not isinstance(refusal.get("error"), str):
        return failed_by_answer(response)
    message = str(refusal.get("error_description") or refusal["error"])
    if refusal["error"] in ("authorization_pending", "slow_down"):
        return NotYet(refusal["error"], message)
    if refusal["error"] == "mfa_required":
        return FactorWanted(message, remedy="Run `penstock login --password` at a terminal.")
    if refusal["error"] == "invalid_grant":
        return SignInNeeded(message, remedy=_cure(form))
    after = response.headers.get("retry-after", "")
    return Failed(message, remedy=f"Try again in {after} s." if after.isdecimal() else "")


def _cure(form: Mapping[str, str]) -> str:
    if form.get("grant_type") != "password":
        return "Run `penstock login` again."
    if "otp" in form:
        return "Wait for the authenticator's next code, or use another recovery code."
    return "See that the name and password are right."


def _session(answer: dict[str, Any], username: str, asked_at: datetime) -> Session:
    lifetime = answer.get("expires_in")
    return Session(
        username=username,
        access=str(answer["access_token"]),
        refresh=answer.get("refresh_token"),
        expires_at=asked_at + timedelta(seconds=lifetime) if lifetime else None,
        bound=str(answer.get("token_type", "")).lower() == "dpop",
    )
