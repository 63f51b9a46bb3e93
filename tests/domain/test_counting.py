"""What of an account counts, and that nothing counts twice."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from penstock import connectors
from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.counting import Account, Kind, Likeness, Part, Standing, parts, twins
from penstock.domain.holding import SecurityType
from penstock.domain.net_worth import add_up
from penstock.domain.says import Invested
from penstock.domain.valuation import Line, Position, Price, Reason, value
from tests.domain.portfolio import NOW, convert

SHARE = {"quantity": "10", "value": "100.00"}


def line(type_: str = "stock", *, quote: str | None = None, **told: str) -> Line:
    """Return ten shares that the institution says are worth a hundred euros; ours may differ."""
    amounts: dict[str, Any] = {
        name: Decimal(text) for name, text in (SHARE | told).items() if name != "currency"
    }
    position = Position(
        key=type_,
        type=SecurityType(type_),
        currency=told.get("currency", "EUR"),
        as_of=NOW,
        **amounts,
    )
    prices = (Price(Decimal(quote), "EUR", NOW, "test"),) if quote else ()
    return value(position, prices, now=NOW, convert=convert)


def account(invested: Invested, *lines: Line, **balances: str) -> Account:
    """Return a broker's account that holds this, with a balance in each currency."""
    return Account(
        key="broker",
        name="Broker",
        type=AccountType.INVESTMENT,
        currency="EUR",
        institution="Broker",
        invested=invested,
        balances=[
            Standing(BalanceKind.CURRENT, Decimal(amount), currency, NOW)
            for currency, amount in balances.items()
        ],
        lines=[(f"h{place}", one.position.type, one) for place, one in enumerate(lines)],
    )


def total(account: Account) -> str:
    """Return what an account is worth in euros."""
    return str(add_up(parts(account), "EUR", convert).total)


def flagged(found: list[Part]) -> dict[str, tuple[str, ...]]:
    """Return the flags of each part."""
    return {one.key: one.flags for one in found}


def test_where_the_balance_is_the_money_positions_count_besides() -> None:
    """SnapTrade, the sandbox bank: 50 on the account and shares of 100 are 150."""
    assert total(account(Invested.MONEY, line(), EUR="50.00")) == "150.00"


def test_a_stand_in_for_cash_is_in_the_money_already() -> None:
    """SnapTrade counts it in the balance too: it is told, and does not count again."""
    fund = line("cash", quantity="30", value="30.00")
    broker = account(Invested.MONEY, line(), fund, EUR="50.00")
    assert total(broker) == "150.00"
    (within,) = add_up(parts(broker), "EUR", convert).within
    assert within.key == "h1"
    assert total(account(Invested.MONEY, line(), fund, USD="0.00")) == "130.00"


def test_where_the_balance_is_the_whole_positions_are_in_it() -> None:
    """MX, Plaid: of 150 in all, 100 are shares and 50 are money."""
    broker = account(Invested.TOTAL, line(), EUR="150.00")
    assert total(broker) == "150.00"
    found = {one.kind: one.valued and str(one.valued.value) for one in parts(broker)}
    assert found == {Kind.CASH: "50.00", Kind.STOCK: "100.00"}
    assert flagged(parts(broker))["broker"] == ("rest_of_total",)


def test_our_quote_takes_the_place_of_the_institutions_value_in_the_whole() -> None:
    """Of 150 in all, shares of 100 which we know to be worth 120 make it 170."""
    assert total(account(Invested.TOTAL, line(quote="12"), EUR="150.00")) == "170.00"


def test_a_whole_that_cannot_be_parted_counts_alone() -> None:
    """A position without a value, or in another currency: it is in the balance, undivided."""
    unpriced = value(
        Position(key="x", type=SecurityType.OTHER, quantity=Decimal(1), currency="EUR", as_of=NOW),
        now=NOW,
        convert=convert,
    )
    for lines in ([line(), unpriced], [line(currency="USD")]):
        broker = account(Invested.TOTAL, *lines, EUR="150.00")
        worth = add_up(parts(broker), "EUR", convert)
        assert str(worth.total) == "150.00"
        assert worth.missing == []
        assert [one.part.kind for one in worth.counted] == [Kind.UNDIVIDED]
        assert len(worth.within) == len(lines)


def test_an_account_without_a_balance_is_worth_its_positions() -> None:
    """No money is told of: the positions count alone, under either rule."""
    for rule in Invested:
        assert total(account(rule, line())) == "100.00"


def test_every_connector_that_tells_holdings_says_what_its_balance_is() -> None:
    """One that states the whole and is taken for money would count everything twice."""
    found = {
        name: one.says.invested for name, one in connectors.build({}).items() if one.says.holdings
    }
    assert found == {
        "mx": Invested.TOTAL,
        "sandbox": Invested.MONEY,
        "snaptrade": Invested.MONEY,
    }


def bank(type_: str, **balances: str) -> Account:
    """Return an account at a bank with balances of these kinds."""
    return replace(
        account(Invested.TOTAL),
        type=AccountType(type_),
        balances=[
            Standing(BalanceKind(kind), Decimal(amount), "EUR", NOW)
            for kind, amount in balances.items()
        ],
    )


def test_the_balance_of_posted_rows_counts() -> None:
    """Not what can be spent, and not the limit; what is owed is negative as it is stored."""
    assert total(bank("checking", available="900.00", current="400.00")) == "400.00"
    assert total(bank("credit_card", current="-250.00", limit="1000.00")) == "-250.00"
    (part,) = parts(bank("loan", current="-9000.00"))
    assert part.kind is Kind.LOAN


def test_what_can_be_spent_stands_in_only_where_it_is_like_a_balance() -> None:
    """On a current account, and flagged; of a card it is the free credit, which is not owned."""
    (part,) = parts(bank("checking", available="900.00"))
    assert part.flags == ("available_only",)
    (part,) = parts(bank("credit_card", available="900.00"))
    assert (part.valued, part.reason) == (None, Reason.NO_BALANCE)


def test_an_account_of_which_nothing_is_known_is_missing() -> None:
    """With the reason, never as 0."""
    (part,) = parts(replace(bank("checking"), unknown="It is known since 2026-11-01."))
    assert (part.valued, part.reason) == (None, Reason.NOT_KNOWN_YET)
    assert part.why == "It is known since 2026-11-01."


def like(key: str, connection: int = 1, **different: Any) -> Likeness:
    """Return a current account as one connection tells it."""
    told = Likeness(
        key=key,
        connection=connection,
        connector="sandbox",
        institution="mill",
        external_id=f"x-{key}",
        identity=None,
        name="Everyday",
        type="checking",
        mask="4100",
        currency="EUR",
        live=True,
        as_of=NOW,
    )
    return replace(told, **different)


def test_an_account_linked_twice_counts_once() -> None:
    """By what it says of itself, by its id, by name and digits; the one stated last counts."""
    older = NOW - timedelta(days=1)
    iban: dict[str, Any] = {"identity": "hash", "mask": None}
    assert twins([like("a", as_of=older, **iban), like("b", 2, connector="mx", **iban)]) == {
        "a": "b"
    }
    assert twins([like("a", mask=None), like("b", 2, mask=None, external_id="x-a")]) == {"b": "a"}
    assert twins([like("a"), like("b", 2), like("c", 3)]) == {"b": "a", "c": "a"}
    assert twins([like("a", live=False), like("b", 2, as_of=older)]) == {"a": "b"}


def test_what_only_looks_alike_counts_twice() -> None:
    """Two of one connection, of two currencies, of two banks, or of two IBANs are two."""
    assert twins([like("a"), like("b")]) == {}
    assert twins([like("a"), like("b", 2, currency="USD")]) == {}
    assert twins([like("a"), like("b", 2, institution="weir")]) == {}
    assert twins([like("a", identity="one"), like("b", 2, identity="two")]) == {}
    assert twins([like("a", mask=None), like("b", 2, mask=None)]) == {}
