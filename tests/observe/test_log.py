"""Log lines as they come out."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import InvalidInput
from penstock.domain.secret import Secret
from penstock.observe.log import (
    bind_request_id,
    configure,
    context_of,
    current_request_id,
    get_logger,
    is_request_id,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Logging belongs to the whole process: give it back as it was."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def written(*, json: bool = True, level: str = "info") -> io.StringIO:
    """Configure logging into a buffer and return it."""
    stream = io.StringIO()
    configure(json=json, level=level, stream=stream, clock=lambda: NOON)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    """Read the lines back; each must be one JSON object."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object() -> None:
    """A line says when, how bad, who, what, and its facts."""
    stream = written()
    get_logger("penstock.test").info("sync_ended", inserted=15, connector="sandbox")
    assert lines(stream) == [
        {
            "at": "2026-11-21T12:00:00.000+00:00",
            "level": "info",
            "logger": "penstock.test",
            "event": "sync_ended",
            "inserted": 15,
            "connector": "sandbox",
        }
    ]


def test_levels_below_are_not_written() -> None:
    """`level` is the least that comes out, for ours and for the libraries' lines."""
    stream = written(level="warning")
    get_logger("penstock.test").info("quiet")
    logging.getLogger("somebody").info("quiet too")
    get_logger("penstock.test").warning("heard")
    assert [line["event"] for line in lines(stream)] == ["heard"]


def test_a_logger_made_before_obeys_what_is_configured_later() -> None:
    """A module may get its logger while it is imported."""
    log = get_logger("penstock.early")
    stream = written(level="error")
    log.warning("quiet")
    again = written(level="debug")
    log.debug("said %s", "so")
    assert stream.getvalue() == ""
    assert [line["event"] for line in lines(again)] == ["said so"]


def test_an_unknown_level_is_refused() -> None:
    """The message names the levels that there are."""
    with pytest.raises(InvalidInput, match="debug, info, warning"):
        configure(json=True, level="loud")


def test_the_request_id_is_on_every_line_within() -> None:
    """Lines of ours, of libraries and of tasks started within carry the id, and none after."""
    stream = written()

    async def story() -> None:
        with bind_request_id("req-1"):
            assert current_request_id() == "req-1"
            get_logger("penstock.test").info("ours")
            logging.getLogger("somebody").info("theirs")

            async def child() -> None:
                get_logger("penstock.test").info("child")

            await asyncio.create_task(child())
        assert current_request_id() is None
        get_logger("penstock.test").info("after")

    asyncio.run(story())
    ids = {line["event"]: line.get("request_id") for line in lines(stream)}
    assert ids == {"ours": "req-1", "theirs": "req-1", "child": "req-1", "after": None}


@pytest.mark.parametrize(
    "bad", ["", "a" * 65, "a b", "a\nb", "a\n", "\x1b[31m", '{"a":1}', "ä", "a_b", "\u0661"]
)
def test_a_request_id_that_could_forge_a_line_is_refused(bad: str) -> None:
    """X4: only 1 to 64 ASCII letters, digits and hyphens are an id."""
    assert not is_request_id(bad)
    with pytest.raises(InvalidInput), bind_request_id(bad):
        pytest.fail("bound")


def test_libraries_write_through_the_same_redaction() -> None:
    """K3: handlers that others put up are taken down, and their lines lose their secrets."""
    own = io.StringIO()
    library = logging.getLogger("uvicorn.error")
    library.addHandler(logging.StreamHandler(own))
    library.propagate = False
    stream = written()
    library.info("GET https://us/cb?code=%s", "canary-1")
    logging.getLogger("aiohttp.client").info("token=%s", "canary-2")
    logging.getLogger("httpx2").info("HTTP Request: GET https://us/cb?code=canary-3")
    logging.getLogger("sqlalchemy.engine.Engine").info("[cached] ('canary-4',)")
    assert "canary" not in stream.getvalue()
    assert own.getvalue() == ""
    assert [line["logger"] for line in lines(stream)] == ["uvicorn.error", "aiohttp.client"]


def test_a_logger_of_structlog_itself_takes_the_same_way() -> None:
    """K3: who forgets our `get_logger` is redacted all the same."""
    stream = written()
    structlog.get_logger("stray").info("fact", password="canary")
    assert [(line["logger"], line["password"]) for line in lines(stream)] == [("stray", "***")]


def test_extra_facts_of_a_library_are_facts_of_the_line() -> None:
    """K3: what comes along as `extra` is kept, and masked like everything else."""
    stream = written()
    logging.getLogger("somebody").info("fact", extra={"size": 5, "token": "canary"})
    assert [(line["size"], line["token"]) for line in lines(stream)] == [(5, "***")]


def test_access_logs_have_no_query_strings() -> None:
    """K3: an access line shows the path and drops the query, whatever is in it."""
    stream = written()
    logging.getLogger("uvicorn.access").info(
        '%s - "%s %s HTTP/%s" %d', "192.0.2.1:5", "GET", "/cb?q=canary&x=1", "1.1", 303
    )
    logging.getLogger("aiohttp.access").info(
        '192.0.2.1 "GET /a?b=canary HTTP/1.1" 200 "https://us/?c=canary" "agent"'
    )
    assert [line["event"] for line in lines(stream)] == [
        '192.0.2.1:5 - "GET /cb HTTP/1.1" 303',
        '192.0.2.1 "GET /a HTTP/1.1" 200 "https://us/" "agent"',
    ]


def fail_with(canary: str) -> None:
    """Raise an error that has the canary in its message, its cause and its notes."""
    error = RuntimeError(f"{Secret(canary)} Bearer {canary}")
    error.add_note(f"https://me:{canary}@bank.example/")
    raise error from ValueError(f"refresh_token={canary}")


@pytest.mark.parametrize("as_json", [True, False])
def test_exceptions_lose_their_secrets_too(as_json: bool) -> None:
    """K3: a traceback shows no secret: not in its message, its causes or its notes."""
    stream = written(json=as_json)
    try:
        fail_with("canary")
    except RuntimeError:
        get_logger("penstock.test").exception("ours")
        logging.getLogger("somebody").exception("theirs")
    out = stream.getvalue()
    assert "canary" not in out.replace('fail_with(\\"canary\\")', "").replace(
        'fail_with("canary")', ""
    )
    assert out.count("RuntimeError: *** Bearer ***") == 2
    assert out.count("ValueError: refresh_token=***") == 2


def test_a_line_that_cannot_be_made_does_not_show_its_values() -> None:
    """K3: a wrong format string leaves a line that names the logger, not the arguments."""
    stream = written()
    logging.getLogger("somebody").info("%d", "canary")
    assert lines(stream) == [
        {"level": "error", "event": "log_line_lost", "logger": "somebody", "why": "TypeError"}
    ]


def test_a_newline_forges_no_line_of_its_own() -> None:
    """X4: text output keeps one line a line, whatever control characters the values hold."""
    stream = written(json=False)
    get_logger("penstock.test").info("hi\nforged", name="a\r\nb\x1b[31m")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), st.text() | st.floats()))
def test_every_line_is_json_whatever_it_holds(facts: dict[str, object]) -> None:
    """A line that a machine cannot read is a line lost."""
    stream = written()
    reserved = {"event", "exc_info", "stack_info", "stack", "exception", "_record", "at", "level"}
    kept = {k: v for k, v in facts.items() if k not in reserved}
    get_logger("penstock.test").info("fact", **kept)
    assert lines(stream)[0]["event"] == "fact"


def test_a_task_may_be_of_another_request_than_who_starts_it() -> None:
    """What one request asked for and another starts is told under the first one's id, or none."""
    stream = written()
    log = get_logger("penstock.test")

    async def work() -> None:
        log.info("worked")

    async def start() -> None:
        for wanted in ("first", None, "no id: it has spaces"):
            await asyncio.create_task(work(), context=context_of(wanted))
        log.info("started")

    with bind_request_id("second"):
        asyncio.run(start())
    assert [line.get("request_id") for line in lines(stream)] == ["first", None, None, "second"]
