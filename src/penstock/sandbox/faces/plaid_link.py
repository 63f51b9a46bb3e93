"""Plaid's Hosted Link: a link token arranges a person's visit, and tells what came of it.

A visit that was arranged with an access token is *update mode*: the person consents again to the
Item that is there. Public tokens are good for one exchange.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from penstock.sandbox.authority import Asked as Wanted
from penstock.sandbox.authority import Grant
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces import plaid_shapes as shapes
from penstock.sandbox.faces.answers import Refusal
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.visits import Visit

SCOPE = "accounts balances transactions"
USUAL_LIFETIME = 1_800
Asked = Mapping[str, object]


@dataclass(slots=True)
class _Link:
    """A visit, and the sessions that the person had there; `renewed` is the Item of update mode."""

    program: str
    back: str
    created: datetime
    ends: datetime
    renewed: Grant | None
    sessions: list[shapes.Shape] = field(default_factory=list)


class LinkFace:
    """The endpoints that link."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._links: dict[str, _Link] = {}
        self._public: dict[str, tuple[str, Scenario]] = {}

    def create(self, asked: Asked) -> bytes:
        """Arrange a visit."""
        for name in ("client_name", "language", "country_codes", "user"):
            if not asked.get(name):
                raise Refusal(400, "invalid_request", f"{name} must be a non-empty value")
        hosted = asked.get("hosted_link")
        wanted: Asked = hosted if isinstance(hosted, dict) else {}
        link = self._link(asked, wanted)
        token = f"link-sandbox-{self._bank.options.mint()}"
        self._links[token] = link
        visit = Visit(
            program=link.program,
            scope=SCOPE,
            allow=lambda person, scenario: self._allow(link, person, scenario),
            deny=lambda: self._deny(link),
        )
        answer = {"link_token": token, "expiration": shapes.instant(link.ends)}
        if hosted is not None:
            name = self._bank.visits.expect(visit)
            answer["hosted_link_url"] = f"{self._bank.url}/visits/{name}"
        return shapes.answer(**answer)

    def get(self, asked: Asked) -> bytes:
        """Tell what came of a visit."""
        token = str(asked.get("link_token"))
        link = self._links.get(token)
        if link is None:
            raise Refusal(400, "invalid_link_token", "could not find matching link token")
        metadata = {
            "initial_products": [] if link.renewed else shapes.PRODUCTS,
            "webhook": None,
            "country_codes": ["US"],
            "language": "en",
            "redirect_uri": None,
            "client_name": link.program,
        }
        return shapes.answer(
            link_token=token,
            created_at=shapes.instant(link.created),
            expiration=shapes.instant(link.ends),
            link_sessions=link.sessions,
            metadata=metadata,
        )

    def exchange(self, asked: Asked) -> bytes:
        """Give an Item's access token for a public token."""
        made = self._public.pop(str(asked.get("public_token")), None)
        if made is None:
            raise Refusal(400, "invalid_public_token", "could not find matching public token")
        authority = self._bank.authority
        grant = authority.grant(Wanted("plaid", "", "", SCOPE), *made)
        token = authority.lasting_token(grant)
        return shapes.answer(access_token=token, item_id=f"item-{grant.number}")

    def _link(self, asked: Asked, hosted: Asked) -> _Link:
        renewed = None
        if asked.get("access_token") is not None:
            renewed = self._bank.authority.admit(str(asked["access_token"]))
            if renewed is None:
                raise Refusal(400, "invalid_token", "could not find matching access token")
        elif not asked.get("products"):
            raise Refusal(400, "invalid_request", "products must be a non-empty value")
        seconds = hosted.get("url_lifetime_seconds")
        lasts = timedelta(seconds=seconds if isinstance(seconds, int) else USUAL_LIFETIME)
        now = self._bank.options.clock()
        back = str(hosted.get("completion_redirect_uri") or self._bank.url)
        return _Link(str(asked["client_name"]), back, now, now + lasts, renewed)

    def _allow(self, link: _Link, person: str, scenario: Scenario) -> str:
        """Note that the person agreed: to a new Item, or again to the one that is there."""
        added = []
        if link.renewed is None:
            token = f"public-sandbox-{self._bank.options.mint()}"
            self._public[token] = person, scenario
            world = self._bank.desk(person, scenario).world
            accounts = [_account(each) for each in shapes.accounts(world)]
            added = [
                {
                    "public_token": token,
                    "accounts": accounts,
                    "institution": shapes.INSTITUTION,
                }
            ]
        else:
            self._bank.authority.prolong(link.renewed, scenario)
        results = {
            "item_add_results": added,
            "cra_item_add_results": [],
            "cra_update_results": [],
            "bank_income_results": [],
            "payroll_income_results": [],
            "document_income_results": None,
        }
        return self._note(link, "HANDOFF", results=results)

    def _deny(self, link: _Link) -> str:
        """Note that the person left without agreeing."""
        return self._note(link, "EXIT", exit={"error": None, "metadata": None})

    def _note(self, link: _Link, event: str, **outcome: object) -> str:
        number = len(link.sessions) + 1
        now = shapes.instant(self._bank.options.clock())
        happened = {
            "event_name": event,
            "event_id": f"event-{number}",
            "event_metadata": {"request_id": "sandboxRequest1"},
            "timestamp": now,
        }
        session: shapes.Shape = {
            "link_session_id": f"session-{number}",
            "started_at": shapes.instant(link.created),
            "finished_at": now,
            "events": [happened],
            **outcome,
        }
        link.sessions.append(session)
        return link.back


def _account(account: shapes.Shape) -> shapes.Shape:
    """Return what Link itself tells of an account."""
    told = {name: account[name] for name in ("name", "mask", "type", "subtype")}
    return {"id": account["account_id"], **told, "verification_status": None, "class_type": None}
