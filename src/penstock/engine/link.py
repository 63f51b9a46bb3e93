"""The act of linking: a person is sent to the bank, comes back, and a connection opens.

The state is 256 random bits of which only a keyed hash is stored; it is used once, whatever comes
back with it, by the person and for the connector it was made for (security.md O1-O4).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db import credentials, links
from penstock.db.audit import AuditLog
from penstock.db.lane import Database
from penstock.db.links import LinkRow
from penstock.domain.clock import Clock
from penstock.domain.consent import Credentials
from penstock.domain.errors import Conflict, InvalidInput, NotFound, PenstockError
from penstock.domain.institution import Institution
from penstock.domain.link_plan import Errand, LinkPlan, TokenPlan, VisitPlan
from penstock.domain.option import variable
from penstock.domain.protocol import Connector, SenderFor
from penstock.domain.remedy import ask_person, fix_code
from penstock.domain.secret import Secret
from penstock.engine.admission import send_to_bank, take_back, take_pasted
from penstock.engine.keep import Keeper, Place, check_renewal
from penstock.engine.revoking import Revoker
from penstock.engine.seal import Seals
from penstock.oauth.authorize import new_state
from penstock.oauth.proving import Proving
from penstock.oauth.run import run

TTL: Final = timedelta(minutes=10)
MOST_STATE: Final = 512


@dataclass(frozen=True, slots=True)
class LinkBegun:
    """A link that waits for the person: send them to `url`; they come back with `state`."""

    link_id: int
    url: str
    state: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Linker:
    """Begins and ends links."""

    database: Database
    connectors: Mapping[str, Connector]
    seals: Seals
    hash_state: Callable[[str], str]
    send_for: SenderFor
    clock: Clock
    audit: AuditLog
    proving: Proving = field(default_factory=Proving)

    async def begin(  # noqa: PLR0913  each is a choice of its own
        self,
        owner_id: int,
        connector: str,
        *,
        redirect_uri: str,
        plan: int = 0,
        connection_id: int | None = None,
        parameters: Mapping[str, str] | None = None,
        session_id: int | None = None,
    ) -> LinkBegun:
        """Begin a link, or the renewal of `connection_id`.

        `parameters` go along to the bank's consent page, where the connector allows that. Where a
        session begins it, that session must end it (`finish`).
        Raises NotFound, InvalidInput, Conflict.
        """
        chosen = self._plan(connector, plan)
        renewed = None
        if connection_id is not None:
            await self.database.read(check_renewal, connection_id, owner_id, connector)
            if isinstance(chosen, VisitPlan):
                renewed = await self.database.read(self._renewed, connection_id, owner_id)
        state = new_state(self.proving.entropy)
        errand = Errand(redirect_uri, state, parameters or {}, renewed)
        sent = await send_to_bank(chosen, errand, self.send_for(connector), self.proving)
        now = self.clock()
        values: dict[str, object] = {
            "state_hash": self.hash_state(state),
            "owner_id": owner_id,
            "connector": connector,
            "plan": plan,
            "connection_id": connection_id,
            "redirect_uri": redirect_uri,
            "created_at": now,
            "expires_at": now + TTL,
            "session_id": session_id,
        }
        link_id = await self.database.write(self._store, values, sent.note)
        return LinkBegun(link_id, sent.url, state, now + TTL)

    async def whose(self, connector: str, state: str) -> int | None:
        """Return who began the link that a state is of, while it waits; nothing is used up."""
        if not _may_be(state):
            return None
        link = await self.database.glance(links.under_way, self.hash_state(state), now=self.clock())
        return link.owner_id if link and link.connector == connector else None

    async def finish(
        self,
        connector: str,
        parameters: Sequence[tuple[str, str]],
        *,
        owner_id: int,
        session_id: int | None = None,
        in_browser: bool = False,
    ) -> int:
        """End a link with what came back from the bank; return the connection's number.

        `owner_id` is the person who brings it, `session_id` their session: it must be the one that
        began, for whoever holds another token of theirs has not been to the bank. Not so
        `in_browser`, where they were seen to be signed in as they came back.

        Raises InvalidInput for a state that is unknown, used, too old, of another connector, or
        not for whoever brings it; and OAuthError where the bank or the person said no.
        """
        states = [value for name, value in parameters if name == "state"]
        link = await self._use(states[0] if len(states) == 1 else "")
        if (
            link is None
            or (link.connector, link.owner_id) != (connector, owner_id)
            or not (in_browser or link.session_id == session_id)
        ):
            raise InvalidInput(
                "This answer from the bank belongs to no link that is under way here.",
                remedy=ask_person(
                    "Begin again with `penstock connect`; a link is good for 10 minutes, and for "
                    "whoever began it."
                ),
            )
        try:
            connection_id = await self._exchange(link, parameters)
        except PenstockError as error:
            await self.database.write(
                links.close, link.id, connection_id=None, failure=error.message
            )
            raise
        await self.database.write(links.close, link.id, connection_id=connection_id, failure=None)
        return connection_id

    async def paste(
        self, owner_id: int, connector: str, token: Secret, *, connection_id: int | None = None
    ) -> int:
        """Link with a token that the person made at the provider; return the connection."""
        plans = self._connector(connector).link_plans
        pasted = [(n, one) for n, one in enumerate(plans) if isinstance(one, TokenPlan)]
        if not pasted:
            raise InvalidInput(f"{connector} takes no pasted token: link it through the browser.")
        number, chosen = pasted[0]
        if connection_id is not None:
            await self.database.read(check_renewal, connection_id, owner_id, connector)
        await self.seals.ready(owner_id)  # some tokens can be claimed once
        granted = await take_pasted(chosen, token, self.send_for(connector))
        return await self._keeper().keep(granted, Place(owner_id, connector, number, connection_id))

    async def search(self, connector: str, words: str, country: str) -> Sequence[Institution]:
        """Find institutions that a connector reaches. Raises NotFound, Conflict, InvalidInput.

        And OAuthError and ContractBroken, where the provider refuses us or makes no sense.
        """
        found = self._connector(connector)
        if found.search is None:
            raise InvalidInput(
                f"{found.title} has no list to choose from: it is one bank, or knows yours.",
                remedy=ask_person(f"Go on with `penstock connect {connector}`."),
            )
        return await run(found.search(words, country), self.send_for(connector))

    async def _use(self, state: str) -> LinkRow | None:
        if not _may_be(state):
            return None
        return await self.database.write(links.use, self.hash_state(state), now=self.clock())

    async def _exchange(self, link: LinkRow, parameters: Sequence[tuple[str, str]]) -> int:
        plan = self._plan(link.connector, link.plan)
        if link.verifier is None:
            raise InvalidInput("This link cannot be finished with an answer from a browser.")
        await self.seals.ready(link.owner_id)  # a code is good once
        granted = await take_back(
            plan,
            parameters,
            redirect_uri=link.redirect_uri,
            note=self.seals.open_verifier(link.verifier, link.id, link.owner_id),
            send=self.send_for(link.connector),
            now=self.clock(),
            proving=self.proving,
        )
        return await self._keeper().keep(
            granted, Place(link.owner_id, link.connector, link.plan, link.connection_id)
        )

    def _keeper(self) -> Keeper:
        revoker = Revoker(
            self.database, self.connectors, self.seals, self.send_for, self.clock, self.proving
        )
        return Keeper(self.database, self.connectors, self.seals, self.clock, revoker, self.audit)

    def _renewed(
        self, connection: sa.Connection, connection_id: int, owner_id: int
    ) -> Credentials | None:
        """Return what opens the connection that is to be renewed, if anything does (any more)."""
        sealed = credentials.find(connection, connection_id)
        return self.seals.open(sealed, owner_id) if sealed else None

    def _store(self, connection: sa.Connection, values: dict[str, object], verifier: Secret) -> int:
        now = self.clock()
        links.delete_expired(connection, before=now - timedelta(days=1))
        link_id = links.create(connection, values)
        owner_id = values["owner_id"]
        if not isinstance(owner_id, int):
            raise TypeError(owner_id)
        links.seal_verifier(
            connection, link_id, self.seals.seal_verifier(verifier, link_id, owner_id)
        )
        return link_id

    def _connector(self, name: str) -> Connector:
        found = self.connectors.get(name)
        if found is None:
            known = ", ".join(sorted(self.connectors)) or "none"
            raise NotFound(f"There is no connector {name[:40]!r}. There are: {known}.")
        if found.missing_settings:
            raise Conflict(
                f"{found.title} is not set up here yet.",
                remedy=fix_code(
                    f"Set {', '.join(map(variable, found.missing_settings))}; "
                    f"you get them at {found.keys_url}."
                ),
            )
        return found

    def _plan(self, connector: str, number: int) -> LinkPlan:
        plans = self._connector(connector).link_plans
        if not 0 <= number < len(plans):
            raise InvalidInput(f"{connector} has {len(plans)} ways to link, numbered from 0.")
        return plans[number]


def _may_be(state: str) -> bool:
    return 0 < len(state) <= MOST_STATE
