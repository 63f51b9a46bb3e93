"""What is news, and how it is put into one message."""

from dataclasses import replace

from penstock.domain.notice import Finding, News, NoticeKind, Told, Topic, message, news

FAILING = Finding(Topic(NoticeKind.FAILING, "con_1"), 1, "wait", "Bank is not synced", "Wait.")
ENDS = Finding(Topic(NoticeKind.CONSENT, "con_2"), 2, "14", "consent ends", "Renew it.")
NEW = Finding(Topic(NoticeKind.NEW, "con_1"), 1, "40", "3 new at Bank", "")


def told(finding: Finding, *, recovered: bool = False) -> dict[Topic, Told]:
    """Return what somebody knows who was told this."""
    one = Told(finding.topic, 1, finding.detail, finding.title, recovered=recovered)
    return {finding.topic: one}


def test_a_thing_is_told_once() -> None:
    """What was told is no news, until its detail changes."""
    assert news([FAILING], {}).findings == (FAILING,)
    assert not news([FAILING], told(FAILING))
    later = replace(FAILING, detail="ask_person")
    assert news([later], told(FAILING)).findings == (later,)


def test_words_alone_are_no_news() -> None:
    """A text that is put differently, or another count in it, is not told again."""
    assert not news([replace(FAILING, title="otherwise", text="put")], told(FAILING))


def test_what_is_over_is_told_once() -> None:
    """Who heard of a trouble hears that it is over; and of its return."""
    [over] = news([], told(FAILING)).recovered
    assert over.title == FAILING.title
    assert not news([], told(FAILING, recovered=True))
    assert news([FAILING], told(FAILING, recovered=True)).findings == (FAILING,)


def test_new_rows_do_not_recover() -> None:
    """That there are no more new rows is not news."""
    assert not news([], told(NEW))


def test_one_message_tells_all() -> None:
    """A title that says how much there is; each thing with what to do."""
    assert message(News((FAILING,))) == (
        "Penstock: Bank is not synced",
        "Bank is not synced\n  Wait.",
    )
    over = (Told(ENDS.topic, 2, "14", "consent ends"),)
    assert message(News((), over)) == (
        "Penstock: well again: consent ends",
        "Well again: consent ends",
    )
    title, text = message(News((FAILING, ENDS, NEW), over))
    assert title == "Penstock: 2 to look at, 1 well again"
    assert text.split("\n\n") == [
        "Bank is not synced\n  Wait.",
        "consent ends\n  Renew it.",
        "3 new at Bank",
        "Well again: consent ends",
    ]
    assert message(News((NEW, replace(NEW, topic=ENDS.topic._replace(kind=NoticeKind.NEW)))))[
        0
    ] == ("Penstock: new transactions")
