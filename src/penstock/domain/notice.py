"""What the operator should hear of, and when it is said again: once, and only when it changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class NoticeKind(StrEnum):
    """What happened."""

    FAILING = "failing"
    STALE = "stale"
    CONSENT = "consent"
    TIE_OUT = "tie_out"
    QUARANTINE = "quarantine"
    NEW = "new"
    DECOY = "decoy"
    PRICE = "price"


class Topic(NamedTuple):
    """What a notice is about: the kind, and the public id of the connection or account."""

    kind: NoticeKind
    subject: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is the case now.

    `detail` is what makes it news: a finding with another detail is told again. `title` is one
    line, `text` says what to do.
    """

    topic: Topic
    connection_id: int
    detail: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody was told last of a topic; `recovered`: that it is over."""

    topic: Topic
    connection_id: int
    detail: str
    title: str
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """What somebody has not heard yet: what is new or has changed, and what is over."""

    findings: tuple[Finding, ...] = ()
    recovered: tuple[Told, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.findings or self.recovered)


def news(found: Iterable[Finding], told: Mapping[Topic, Told]) -> News:
    """Return what is to be told to somebody who was `told` so much; nothing while all is as it was.

    New rows are no trouble, so that they do not recover.
    """
    now = {finding.topic: finding for finding in found}
    return News(
        tuple(one for one in now.values() if _is_news(one, told.get(one.topic))),
        tuple(
            one
            for one in told.values()
            if one.topic not in now and not one.recovered and one.topic.kind is not NoticeKind.NEW
        ),
    )


def _is_news(finding: Finding, told: Told | None) -> bool:
    return told is None or told.recovered or told.detail != finding.detail


def message(news: News) -> tuple[str, str]:
    """Return the title and the text of one message about all of it."""
    lines = [f"{one.title}\n  {one.text}" if one.text else one.title for one in news.findings]
    lines += [f"Well again: {one.title}" for one in news.recovered]
    if len(lines) == 1:
        first = (
            news.findings[0].title if news.findings else f"well again: {news.recovered[0].title}"
        )
        return f"Penstock: {first}", lines[0]
    troubles = sum(one.topic.kind is not NoticeKind.NEW for one in news.findings)
    if troubles:
        title = f"Penstock: {troubles} to look at" + (
            f", {len(news.recovered)} well again" if news.recovered else ""
        )
    elif news.recovered:
        title = f"Penstock: {len(news.recovered)} well again"
    else:
        title = "Penstock: new transactions"
    return title, "\n\n".join(lines)
