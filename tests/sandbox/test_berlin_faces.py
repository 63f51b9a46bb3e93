"""The faces of European banks over HTTP: what they refuse, and what they let nobody rely on."""

import asyncio
from dataclasses import replace

import pytest

from penstock.connectors import berlingroup, enablebanking
from penstock.sandbox.faces.berlin_books import A_DAY
from penstock.sandbox.scenario import Scenario
from tests.connectors.driving import Driver
from tests.connectors.linking import asked, connector_at, link
from tests.sandbox.visitor import visiting


@pytest.mark.parametrize("name", ["berlingroup", "enablebanking"])
def test_the_fifth_reading_is_refused_unless_the_person_is_there(name: str) -> None:
    """In the protocol's own words; whoever sends the person's address is not counted."""

    async def story() -> None:
        async with visiting() as visitor:
            connector = connector_at(name, visitor.bank.url)
            driver = Driver(
                connector, visitor.http, await link(connector, visitor.bank, visitor.http)
            )
            found = await driver.discover()
            stream = connector.streams(found)[0]
            pull = connector.pull(stream, None)
            request = next(pull)
            if name == "enablebanking":
                request = pull.send(await driver.send(request))  # type: ignore[arg-type]  # asks
            for _ in range(A_DAY):
                assert (await driver.send(request)).status == 200  # type: ignore[arg-type]  # asks
            refused = await driver.send(request)  # type: ignore[arg-type]  # asks
            word = b"ACCESS_EXCEEDED" if name == "berlingroup" else b"ASPSP_RATE_LIMIT_EXCEEDED"
            assert refused.status == 429
            assert word in refused.body
            signed = connector.sign(request, driver.credentials)  # type: ignore[arg-type]  # asks
            there = {**signed.headers, "PSU-IP-Address": "192.0.2.1"}
            answer = await asked(replace(signed, headers=there), visitor.http)
            assert answer.status == 200

    asyncio.run(story())


def test_each_session_names_its_accounts_anew() -> None:
    """Another `uid` for the same account, and the same hash; and nobody unsigned gets in."""

    async def story() -> None:
        async with visiting() as visitor:
            connector = connector_at("enablebanking", visitor.bank.url)
            assert isinstance(connector, enablebanking.EnableBanking)
            told = []
            for _ in range(2):
                opened = await link(connector, visitor.bank, visitor.http)
                driver = Driver(connector, visitor.http, opened)
                session = connector.app.get("sessions/{session}")
                told.append((await driver.send(session)).body)
                told.append(
                    b"".join(s.key.encode() for s in connector.streams(await driver.discover()))
                )
            assert told[0] != told[2]
            assert told[1] == told[3]
            plain = await visitor.send("GET", f"{visitor.bank.url}/enablebanking/aspsps")
            assert (plain.status, plain.json["error"]) == (401, "UNAUTHORIZED_ACCESS")

    asyncio.run(story())


def test_ids_in_the_scenario_without_them() -> None:
    """None, blank, `"0"` and one for many: the same row has the same each time."""

    async def story() -> None:
        async with visiting(transactions=40, page_size=100) as visitor:
            connector = connector_at("berlingroup", visitor.bank.url)
            assert isinstance(connector, berlingroup.BerlinGroup)
            opened = await link(connector, visitor.bank, visitor.http, Scenario.NO_IDS)
            driver = Driver(connector, visitor.http, opened)
            path = "/v1/accounts/acc-ada-checking/transactions?dateFrom=2020-01-01&bookingStatus="
            both = [await driver.send(connector.bank.get(f"{path}both")) for _ in range(2)]
            assert both[0].body == both[1].body
            assert both[0].body.count(b'"entryReference":"9998"') > 1
            assert b'"entryReference":"0"' in both[0].body
            booked = await driver.send(connector.bank.get(f"{path}booked"))
            assert b'"pending"' not in booked.body
            for wrong in ("some", "both&pageIndex=x"):
                refused = await driver.send(connector.bank.get(f"{path}{wrong}"))
                assert refused.status == 400

    asyncio.run(story())
