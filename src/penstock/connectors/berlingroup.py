"""A European bank that speaks NextGenPSD2 itself (https://www.berlin-group.org, version 1.3.12).

One bank is set up; who asks there needs the certificates of a licensed provider. The person gives
a consent, which lasts half a year at most. Of each account booked and pending rows come in one
report, page by page, from a day on; a month is read again each time. Nothing links a posted row
with the pending one that it was, and neither has to have an id.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from penstock.connectors.answer import response_of
from penstock.connectors.berlin_quota import ACCOUNTS, BALANCES, BUDGETS, MORE, TRANSACTIONS
from penstock.connectors.berlin_reading import SEVERAL, name_of, places_by_currency
from penstock.connectors.berlin_window import covered, mark, since
from penstock.connectors.berlingroup_accounts import (
    as_of,
    currencies_of,
    parse_accounts,
    parse_balances,
)
from penstock.connectors.berlingroup_bank import Bank
from penstock.connectors.berlingroup_consent import ACCESS, DAYS, ConsentLink
from penstock.connectors.berlingroup_errors import verdict_of
from penstock.connectors.berlingroup_rows import WHAT, parse_aside, parse_report
from penstock.connectors.kind import CERTIFICATE, CERTIFICATE_KEY, Kind
from penstock.connectors.wire import broken
from penstock.domain.account import AccountSeen
from penstock.domain.balance import BalanceKind
from penstock.domain.clock import Clock
from penstock.domain.consent import Credentials
from penstock.domain.errors import InvalidInput
from penstock.domain.hook import Hooks
from penstock.domain.institution import Institution
from penstock.domain.limit import Limit
from penstock.domain.link_plan import VisitPlan
from penstock.domain.option import Given, Option
from penstock.domain.protocol import PendingRule, Pull, Search, Verdict
from penstock.domain.remedy import fix_code
from penstock.domain.request import Request, Response
from penstock.domain.says import Says
from penstock.domain.transaction import TransactionSeen
from penstock.domain.update import Absence, Balances, Discovery, Page, Stream

ZONE: Final = "Europe/Berlin"
HISTORY_DAYS: Final = 730
STATUSES: Final = ("both", "booked")


@dataclass(frozen=True, slots=True)
class BerlinGroup:
    """The connector; `zone` is where the bank's days are.

    What the protocol cannot say: on which day something was bought; what it was in another
    currency, to the cent; categories; which posted row a pending one became; that a posted row was
    taken back, and whatever happens to one that is older than a month. Card accounts have
    endpoints of their own in it, and are not read.

    An id that is blank, `"0"`, or that several rows have counts as none. What stands under
    `information` are standing orders, and no movements. A report as a file is refused by name.
    """

    bank: Bank
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo(ZONE))
    bank_name: str = ""
    access: str = "all"
    booking_status: str = STATUSES[0]
    history: timedelta = timedelta(days=HISTORY_DAYS)
    missing_settings: tuple[str, ...] = ()
    name: str = "berlingroup"
    title: str = "Berlin Group NextGenPSD2"
    docs_url: str = "https://www.berlin-group.org/nextgenpsd2-downloads"
    keys_url: str = "https://www.berlin-group.org/nextgenpsd2-downloads"
    pending_rule: PendingRule = PendingRule.UNLINKED
    sends_removals: bool = False
    reissues_ids: bool = True
    reuses_ids: bool = True
    budgets: tuple[Limit, ...] = BUDGETS
    absence: Absence = Absence.PENDING_GONE
    says: Says = Says(
        balances=frozenset({BalanceKind.CURRENT, BalanceKind.AVAILABLE}),
        later=False,
        abroad=False,
        happened=False,
    )
    search: Search | None = None
    hooks: Hooks | None = None

    @property
    def link_plans(self) -> tuple[VisitPlan, ...]:
        """A consent object, which the person authorises on the bank's page."""
        link = ConsentLink(self.bank, self.zone, self.access)
        return (VisitPlan(link.begin, link.finish, consent_days=DAYS, end=link.end),)

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """Put the consent's id on a request. Raises ContractBroken for another address."""
        return self.bank.sign(request, credentials)

    def classify(self, response: Response) -> Verdict:
        """Say what an answer means."""
        return verdict_of(response, self.bank.clock(), self.zone)

    def discover(self) -> Generator[Request, Response, Discovery]:
        """Ask for the accounts; of those with several currencies, for which. ContractBroken."""
        listed = parse_accounts((yield self.bank.get("/v1/accounts", endpoint=ACCOUNTS)).body)
        seen: list[AccountSeen] = []
        for account in listed:
            codes = [account.currency]
            if account.currency == SEVERAL:
                codes = currencies_of(
                    (yield self._balances(account.resource_id or "")).body, account
                )
            seen += [account.seen(code) for code in codes]
        return Discovery(Institution(self.name, self.bank_name or self.title), seen)

    def streams(self, discovery: Discovery) -> tuple[Stream, ...]:
        """Return a stream for each account of the bank, whatever currencies are in it."""
        places = [each.external_id for each in discovery.accounts]
        names = dict.fromkeys(name_of(one) for one in places)
        return tuple(
            Stream(name, tuple(one for one in places if name_of(one) == name)) for name in names
        )

    def pull(self, stream: Stream, cursor: str | None) -> Pull:
        """Read an account's report from a day on, page by page, then its balances.

        Those are handed over before the last page. Raises ContractBroken.
        """
        today = self.bank.clock().astimezone(self.zone).date()
        first = since(cursor, today, self.history)
        places = places_by_currency(stream.accounts)
        query = urlencode({"dateFrom": first.isoformat(), "bookingStatus": self.booking_status})
        request = self._of(stream.key, f"{TRANSACTIONS}?{query}", TRANSACTIONS)
        asked: set[str] = set()
        while True:
            asked.add(request.url)
            report = parse_report(response_of((yield request)).body, places)
            if report.next is None:
                break
            yield Page(report.rows, (), None, more=True, unmapped=report.unmapped)
            url = self.bank.url(report.next)
            if url in asked:
                raise broken(WHAT, "`next` leads back to a page that was read", url)
            request = self.bank.get(url, account=stream.key, endpoint=MORE)
        answer = response_of((yield self._balances(stream.key)))
        stated = parse_balances(answer.body, places, as_of(answer.headers, self.zone))
        yield Balances(tuple(stated))
        yield Page(
            upserts=report.rows,
            removed=(),
            next_cursor=mark(today),
            more=False,
            unmapped=report.unmapped,
            covered=covered(cursor, first, stream.accounts),
        )

    def remap(self, stream: Stream, raw: bytes) -> TransactionSeen:  # noqa: ARG002  it says whose it is
        """Map one row that was set aside. Raises ContractBroken."""
        return parse_aside(raw)

    def _balances(self, account: str) -> Request:
        return self._of(account, BALANCES, BALANCES)

    def _of(self, account: str, rest: str, endpoint: str) -> Request:
        path = f"/v1/accounts/{quote(account, safe='')}/{rest}"
        return self.bank.get(path, account=account, endpoint=endpoint)


def _make(given: Given, clock: Clock) -> BerlinGroup:
    return BerlinGroup(
        Bank(given.url(), given.text("person_at"), clock),
        zone=given.zone(),
        bank_name=given.text("bank_name"),
        access=_one_of("access", given.text("access"), tuple(ACCESS)),
        booking_status=_one_of("booking_status", given.text("booking_status"), STATUSES),
        history=_days(given.text("history_days")),
        missing_settings=given.missing,
    )


KIND: Final = Kind(
    "berlingroup",
    (
        Option("url", "The bank's interface, up to where `/v1` begins.", required=True),
        Option(CERTIFICATE, "The file of our certificate (QWAC), which the bank is shown."),
        Option(CERTIFICATE_KEY, "The file of its key, if it is another one."),
        Option("bank_name", "What people call the bank."),
        Option("zone", "Where the bank's days are.", default=ZONE),
        Option("access", "`all` accounts, or those `chosen` at the bank.", default="all"),
        Option(
            "booking_status",
            "`both`; `booked` where the bank tells nothing that is pending.",
            default=STATUSES[0],
        ),
        Option("history_days", "How far back the first reading asks.", default=str(HISTORY_DAYS)),
        Option(
            "person_at",
            "The IP address that banks are told of a person who links: yours, at your provider.",
            default="127.0.0.1",
        ),
    ),
    _make,
)


def _one_of(option: str, word: str, words: tuple[str, ...]) -> str:
    if word not in words:
        raise _wrong(option, "word that is known", f"Write one of {', '.join(words)}.")
    return word


def _days(text: str) -> timedelta:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= 36_500):  # noqa: PLR2004  a century
        raise _wrong("history_days", "number of days", "Write a number such as 730.")
    return timedelta(days=int(text))


def _wrong(option: str, what: str, remedy: str) -> InvalidInput:
    name = f"PENSTOCK_BERLINGROUP_{option.upper()}"
    return InvalidInput(f"{name} is no {what}.", remedy=fix_code(remedy))
