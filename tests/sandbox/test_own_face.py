"""The bank's own protocol: what it lists, how it pages, and how it says no."""

import asyncio
from datetime import datetime
from decimal import Decimal

from penstock.domain.balance import BalanceKind
from penstock.domain.consent import ConsentState
from penstock.domain.transaction import Status
from penstock.sandbox import steps
from penstock.sandbox.faces.own_rows import wire
from tests.sandbox.visitor import Json, Visitor, visiting


async def everything(visitor: Visitor, cursor: str | None = None) -> tuple[list[Json], str]:
    """Read to the end; return the pages and the last cursor."""
    pages: list[Json] = []
    while not pages or pages[-1]["has_more"]:
        answer = await visitor.page(cursor)
        assert answer.status == 200, answer
        pages.append(answer.json)
        cursor = answer.json["next_cursor"]
    return pages, str(cursor)


def test_accounts_are_listed() -> None:
    """Each account has an id, a name, a kind, a currency, last digits and an IBAN."""

    async def story() -> None:
        async with visiting() as visitor:
            await visitor.link()
            answer = await visitor.get("/v1/accounts")
            assert answer.json["institution"]["name"] == "Sandbox Bank"
            assert answer.json["holder"]["id"] == "ada"
            kinds = {each["type"]: each for each in answer.json["accounts"]}
            assert kinds.keys() == {"checking", "savings", "credit_card"}
            for each in kinds.values():
                assert each["iban"].endswith(each["mask"])
                assert each["id"].startswith("acc-ada-")
            assert answer.headers["Consent-State"] == "active"

    asyncio.run(story())


def test_balances_say_as_of_when() -> None:
    """Decimals are texts; current, available, limit and opening come with an instant and a day."""

    async def story() -> None:
        async with visiting() as visitor:
            await visitor.link()
            balances = (await visitor.get("/v1/balances")).json["balances"]
            world = visitor.bank.world
            for each in balances:
                assert isinstance(each["current"], str)
                assert datetime.fromisoformat(each["as_of"]) == world.now
                assert each["as_of_on"] == str(world.today)
                assert each["opening"]["as_of_on"] == str(world.plan.first_day)
            told = {each["account_id"]: Decimal(each["current"]) for each in balances}
            assert told == {
                each.account: each.amount
                for each in world.balances()
                if each.kind is BalanceKind.CURRENT
            }

    asyncio.run(story())


def test_three_pages_and_the_day_after() -> None:
    """The demo's story: 15 rows in 3 pages, and then 3 added and 2 removed in one."""

    async def story() -> None:
        async with visiting() as visitor:
            await visitor.link()
            pages, cursor = await everything(visitor)
            assert [len(page["added"]) for page in pages] == [5, 5, 5]
            assert all(page["modified"] == page["removed"] == [] for page in pages)
            again, same = await everything(visitor, cursor)
            assert (len(again), again[0]["added"], same) == (1, [], cursor)
            steps.demo(visitor.bank.world)
            (page,), _ = await everything(visitor, cursor)
            assert (len(page["added"]), len(page["modified"]), len(page["removed"])) == (3, 0, 2)
            from_nothing, _ = await everything(visitor)
            rows = [row for page in from_nothing for row in page["added"]]
            assert len(rows) == 16
            assert not any(page["removed"] for page in from_nothing)

    asyncio.run(story())


def test_what_is_changed_comes_as_modified() -> None:
    """A row whose words changed comes again, under its id, as modified."""

    async def story() -> None:
        async with visiting() as visitor:
            await visitor.link()
            _, cursor = await everything(visitor)
            row = visitor.bank.world.amend("tx-ada-00000001", description="Rent, corrected")
            (page,), _ = await everything(visitor, cursor)
            assert [each["id"] for each in page["modified"]] == [row.external_id]
            assert page["modified"][0]["description"] == "Rent, corrected"

    asyncio.run(story())


def test_a_page_has_as_many_rows_as_were_asked_for() -> None:
    """`limit` overrides the bank's page size; nonsense is refused with a stable code."""

    async def story() -> None:
        async with visiting() as visitor:
            await visitor.link()
            assert len((await visitor.page(limit="7")).json["added"]) == 7
            for limit in ("0", "-1", "5001", "five", "٣", "1e3", ""):
                answer = await visitor.page(limit=limit)
                assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_request")

    asyncio.run(story())


def test_foreign_old_and_forgotten_cursors_are_not_associated() -> None:
    """sync.md 27: a cursor of another person, another format or another time is refused by name."""

    async def story() -> None:
        async with visiting() as visitor:
            await visitor.link()
            _, cursor = await everything(visitor)
            await visitor.link(person="ben")
            strange = [cursor, "CAESJWtub3ctbm90aGluZw==", "0", "\u0000", "a" * 300]
            for each in strange:
                answer = await visitor.page(each)
                assert answer.status == 400
                assert answer.json["error"]["code"] == "cursor_not_associated"
            _, own = await everything(visitor)
            await visitor.control("forget-cursors", person="ben")
            assert (await visitor.page(own)).json["error"]["code"] == "cursor_not_associated"

    asyncio.run(story())


def test_renewed_consent_keeps_accounts_and_cursors() -> None:
    """sync.md 26: whoever consents again sees the same accounts, and reads on where they were."""

    async def story() -> None:
        async with visiting() as visitor:
            await visitor.link()
            before = (await visitor.get("/v1/accounts")).json["accounts"]
            _, cursor = await everything(visitor)
            await visitor.control("consent", {"state": "revoked"})
            await visitor.link()
            assert (await visitor.get("/v1/accounts")).json["accounts"] == before
            assert (await visitor.page(cursor)).json["added"] == []

    asyncio.run(story())


def test_ended_consents_are_told_apart() -> None:
    """sync.md 26: expired, revoked and login-required each have a code of their own."""

    async def story() -> None:
        async with visiting() as visitor:
            await visitor.link()
            told = {
                ConsentState.EXPIRED: (403, "consent_expired"),
                ConsentState.REVOKED: (403, "consent_revoked"),
                ConsentState.LOGIN_REQUIRED: (401, "login_required"),
            }
            for state, (status, code) in told.items():
                await visitor.control("consent", {"state": state})
                answer = await visitor.get("/v1/balances")
                assert (answer.status, answer.json["error"]["code"]) == (status, code)
            await visitor.control("consent", {"state": "active"})
            assert (await visitor.get("/v1/balances")).status == 200

    asyncio.run(story())


def test_only_what_was_allowed_can_be_read() -> None:
    """A consent to accounts and balances opens no transactions."""

    async def story() -> None:
        async with visiting() as visitor:
            await visitor.link(scope="accounts balances")
            assert visitor.tokens["scope"] == "accounts balances"
            assert (await visitor.get("/v1/balances")).status == 200
            answer = await visitor.page()
            assert (answer.status, answer.json["error"]["code"]) == (403, "consent_required")

    asyncio.run(story())


def test_two_people_have_two_worlds() -> None:
    """What happens on one person's accounts is nobody else's business."""

    async def story() -> None:
        async with visiting() as visitor:
            await visitor.link(person="chloe")
            pages, cursor = await everything(visitor)
            ids = {row["id"] for page in pages for row in page["added"]}
            assert all(each.startswith("tx-chloe-") for each in ids)
            steps.demo(visitor.bank.world)
            assert (await visitor.page(cursor)).json["added"] == []

    asyncio.run(story())


def test_rows_are_written_as_they_are() -> None:
    """Quotes, backslashes, percent signs, umlauts and kanji arrive whole; nothing is a float."""

    async def story() -> None:
        async with visiting(transactions=300, page_size=300) as visitor:
            await visitor.link()
            rows = (await visitor.page()).json["added"]
            world = visitor.bank.world
            assert [row["description"] for row in rows] == [row.description for row in world.live()]
            assert any("100% Cotton" in row["description"] for row in rows)
            assert any("東京" in row["description"] for row in rows)
            assert all(isinstance(row["amount"], str) for row in rows)
            held = [row for row in world.live() if row.status is Status.PENDING]
            assert [row["id"] for row in rows if row["status"] == "pending"] == [
                wire(row).id for row in held
            ]

    asyncio.run(story())
