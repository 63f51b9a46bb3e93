"""Ways to link that have steps of their own: a visit that is arranged first, a token to claim."""

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from penstock.db.connections import connections
from penstock.db.links import links
from penstock.domain.consent import Credentials
from penstock.domain.errors import Conflict, InvalidInput, NotFound, OAuthError
from penstock.domain.institution import Institution
from penstock.domain.link_plan import Errand, Granted, Return, Sent, TokenPlan, VisitPlan
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.engine.link import Linker
from tests.databases import Database
from tests.engine.fake_bank import URL, FakeBank
from tests.engine.house import CALLBACK, House
from tests.engine.linking import at_home
from tests.engine.test_renew import opened

ENDS = datetime(2027, 2, 1, tzinfo=UTC)


def begin(errand: Errand) -> Generator[Request, Response, Sent]:
    """Arrange a visit: the bank names it, and the name is what is kept."""
    answer = yield Request("POST", f"{URL}/visits", body=errand.parameters["institution"].encode())
    back = f"{errand.redirect_uri}?state={errand.state}"
    return Sent(f"{URL}/visit?back={back}", Secret(answer.body.decode()))


def finish(back: Return) -> Generator[Request, Response, Granted]:
    """Fetch what came of it."""
    if back.parameters.get("error"):
        raise OAuthError("The bank says no.")
    answer = yield Request("GET", f"{URL}/visits/{back.note.reveal()}")
    return Granted(Credentials(Secret(answer.body.decode())), ENDS)


def claim(pasted: Secret) -> Generator[Request, Response, Granted]:
    """Claim what was pasted."""
    answer = yield Request("POST", f"{URL}/claim", body=pasted.reveal().encode())
    if answer.status != 200:
        raise OAuthError("This token was claimed before.")
    return Granted(Credentials(Secret(answer.body.decode())))


@dataclass
class Bank:
    """Answers what is asked of it, and remembers that."""

    answers: list[Response]
    asked: list[Request] = field(default_factory=list)

    def send_for(self, _connector: str) -> Callable[[Request], Awaitable[Response]]:
        """Return the sender."""

        async def send(request: Request) -> Response:
            self.asked.append(request)
            return self.answers.pop(0)

        return send


def said(text: str, status: int = 200) -> Response:
    """Make an answer."""
    return Response(status, {}, text.encode())


def linker_of(home: House, bank: Bank) -> Linker:
    """Return a linker to the fake bank."""
    visit = VisitPlan(begin, finish, chooses=("institution",))
    fake = FakeBank(link_plans=(visit, TokenPlan("there", URL, claim)))
    return replace(home.penstock.linker, connectors={"fake": fake}, send_for=bank.send_for)


def test_a_visit_is_arranged_made_and_fetched(database: Database) -> None:
    """sync.md 26: the bank's own word on how long the consent lasts is what is stored."""

    async def story(home: House) -> None:
        bank = Bank([said("visit-7"), said("canary-access")])
        linker = linker_of(home, bank)
        begun = await linker.begin(
            home.owner_id, "fake", redirect_uri=CALLBACK, parameters={"institution": "mill"}
        )
        assert begun.url == f"{URL}/visit?back={CALLBACK}?state={begun.state}"
        assert "visit-7" not in str(await home.all(links.select()))
        back = [("state", begun.state), ("done", "1")]
        number = await linker.finish("fake", back, owner_id=home.owner_id)
        assert [one.url.removeprefix(URL) for one in bank.asked] == ["/visits", "/visits/visit-7"]
        assert bank.asked[0].body == b"mill"
        (row,) = await home.all(connections.select())
        assert row.consent_expires_at == ENDS
        assert await opened(home, number) == "canary-access"
        (link,) = await home.all(links.select())
        assert (link.result_connection_id, link.verifier) == (number, None)

    at_home(database, story)


def test_a_visit_without_the_choice_does_not_begin(database: Database) -> None:
    """Who has to choose an institution is told how; nothing is asked, nothing stored."""

    async def story(home: House) -> None:
        bank = Bank([])
        for parameters in ({}, {"institution": ""}):
            with pytest.raises(InvalidInput, match="Say which institution") as caught:
                await linker_of(home, bank).begin(
                    home.owner_id, "fake", redirect_uri=CALLBACK, parameters=parameters
                )
            assert caught.value.remedy is not None
        assert not bank.asked
        assert not await home.all(links.select())

    at_home(database, story)


@pytest.mark.parametrize(
    ("came", "why"),
    [([("error", "denied")], "says no"), ([("x", "1"), ("x", "2")], "a parameter twice")],
)
def test_a_visit_that_came_to_nothing_links_nothing(
    database: Database, came: list[tuple[str, str]], why: str
) -> None:
    """O1: the state is used up, no connection is made, and who waits for the link learns why."""

    async def story(home: House) -> None:
        linker = linker_of(home, Bank([said("visit-7")]))
        begun = await linker.begin(
            home.owner_id, "fake", redirect_uri=CALLBACK, parameters={"institution": "mill"}
        )
        back = [("state", begun.state), *came]
        with pytest.raises(OAuthError, match=why):
            await linker.finish("fake", back, owner_id=home.owner_id)
        with pytest.raises(InvalidInput):
            await linker.finish("fake", back, owner_id=home.owner_id)
        (link,) = await home.all(links.select())
        assert why in link.failure
        assert not await home.all(connections.select())

    at_home(database, story)


def test_institutions_are_found_where_there_are_many(database: Database) -> None:
    """A connector that reaches many says how they are found; one bank has none to choose."""

    def search(words: str, country: str) -> Generator[Request, Response, list[Institution]]:
        answer = yield Request("GET", f"{URL}/banks?{words}&{country}")
        return [Institution("mill", answer.body.decode())]

    async def story(home: House) -> None:
        bank = Bank([said("Mill Bank")])
        linker = linker_of(home, bank)
        many = replace(linker, connectors={"fake": FakeBank(search=search)})
        assert await many.search("fake", "mill", "DE") == [Institution("mill", "Mill Bank")]
        assert [one.url for one in bank.asked] == [f"{URL}/banks?mill&DE"]
        with pytest.raises(InvalidInput, match="no list to choose from"):
            await linker.search("fake", "mill", "")
        with pytest.raises(NotFound):
            await linker.search("nobody", "", "")

    at_home(database, story)


def test_what_is_not_set_up_says_what_to_set(database: Database) -> None:
    """The settings are named as they are written in the environment."""

    async def story(home: House) -> None:
        fake = FakeBank(missing_settings=("fake_client_id",))
        linker = replace(linker_of(home, Bank([])), connectors={"fake": fake})
        with pytest.raises(Conflict) as caught:
            await linker.begin(home.owner_id, "fake", redirect_uri=CALLBACK)
        assert caught.value.remedy is not None
        assert "PENSTOCK_FAKE_CLIENT_ID" in caught.value.remedy.text

    at_home(database, story)


def test_what_was_pasted_is_claimed(database: Database) -> None:
    """What is kept is what the claim gave: the pasted token is good for nothing any more."""

    async def story(home: House) -> None:
        bank = Bank([said("canary-access")])
        number = await linker_of(home, bank).paste(home.owner_id, "fake", Secret(" once \n"))
        assert [one.body for one in bank.asked] == [b"once"]
        assert await opened(home, number) == "canary-access"

    at_home(database, story)


def test_what_cannot_be_claimed_links_nothing(database: Database) -> None:
    """A token that somebody claimed before is said to be that; and what is no token is not sent."""

    async def story(home: House) -> None:
        bank = Bank([said("", 403)])
        with pytest.raises(OAuthError, match="claimed before"):
            await linker_of(home, bank).paste(home.owner_id, "fake", Secret("once"))
        with pytest.raises(InvalidInput, match="not a token"):
            await linker_of(home, bank).paste(home.owner_id, "fake", Secret("two words"))
        assert len(bank.asked) == 1
        assert not await home.all(connections.select())

    at_home(database, story)
