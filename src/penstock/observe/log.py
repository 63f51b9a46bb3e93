"""Log lines: one JSON object each on stderr, with the request's id and without secrets.

Our own lines (structlog) and those of the libraries (stdlib `logging`) take one and the same way
out, through the redaction of `observe/redact.py`. Get a logger with `get_logger("penstock.x")` and
name events, not prose: `log.info("sync_ended", inserted=15)`. Siblings, who may not import this,
use `logging`: its `extra` become facts of the line too.
"""

import json as jsonlib
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from typing import Final, TextIO, cast

import structlog
from structlog.typing import EventDict, ProcessorReturnValue, WrappedLogger

from penstock.domain.clock import Clock, utc_now
from penstock.domain.errors import InvalidInput
from penstock.observe.redact import redact_field, redact_text

Logger = structlog.stdlib.BoundLogger

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_ACCESS_LOGGERS: Final = frozenset({"uvicorn.access", "aiohttp.access"})
_QUERY: Final = re.compile(r"\?[^\s\"']*")
# These write whole addresses or statements, or wake up too often, at the levels below.
_QUIET: Final = ("httpx2", "httpcore2", "sqlalchemy", "asyncio", "alembic", "hpack")
_PROCESSORS: Final = (
    structlog.stdlib.filter_by_level,
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
)
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


def configure(
    *, json: bool, level: str, stream: TextIO | None = None, clock: Clock = utc_now
) -> None:
    """Send every log line of this process to `stream` (stderr), as JSON or as readable text.

    `level` is debug, info, warning, error or critical; InvalidInput for any other. Handlers that
    others have put up before (uvicorn's, say) are taken down, for they would write unredacted.
    """
    least = _LEVELS.get(level.lower())
    if least is None:
        raise InvalidInput(f"There is no log level {level!r}; choose one of {', '.join(_LEVELS)}.")
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(_formatter(json=json, clock=clock))
    _route_all_to(handler, least)
    # For who asks structlog itself for a logger: the same way out.
    structlog.configure(
        processors=_PROCESSORS,
        wrapper_class=Logger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def get_logger(name: str) -> Logger:
    """Return the logger called `name`. It obeys whatever `configure` says last."""
    logger = structlog.wrap_logger(
        logging.getLogger(name), processors=_PROCESSORS, wrapper_class=Logger
    )
    return cast("Logger", logger.bind())


@contextmanager
def bind_request_id(request_id: str) -> Iterator[None]:
    """Put `request_id` on every line logged within, in this task and those that it starts.

    InvalidInput unless it is 1 to 64 of A-Z, a-z, 0-9 and the hyphen: ask `is_request_id` first
    about one that comes from outside.
    """
    if not is_request_id(request_id):
        raise InvalidInput("A request id is 1 to 64 letters, digits and hyphens.")
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        yield


def context_of(request_id: str | None) -> Context:
    """Return a copy of this context for a task that a request caused, or that none did (None).

    Each line that the task logs carries that id, or none: whatever is bound where it is started.
    """
    context = copy_context()
    context.run(structlog.contextvars.unbind_contextvars, "request_id")
    if request_id is not None and is_request_id(request_id):
        context.run(structlog.contextvars.bind_contextvars, request_id=request_id)
    return context


def is_request_id(text: str) -> bool:
    """Say whether `text` may stand in our log lines and headers as a request id."""
    return _REQUEST_ID.fullmatch(text) is not None


def current_request_id() -> str | None:
    """Return the request id that is bound here, if one is."""
    return cast("str | None", structlog.contextvars.get_contextvars().get("request_id"))


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines; one that cannot be written is named, without the values that spoilt it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        kind = sys.exc_info()[0]
        line = {
            "level": "error",
            "event": "log_line_lost",
            "logger": record.name,
            "why": kind.__name__ if kind else "",
        }
        try:
            self.stream.write(jsonlib.dumps(line) + self.terminator)
        except (OSError, ValueError):
            return  # The stream itself is gone, and nobody is left to be told.


def _route_all_to(handler: logging.Handler, level: int) -> None:
    for name in list(logging.root.manager.loggerDict):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(capture=True)


def _formatter(*, json: bool, clock: Clock) -> logging.Formatter:
    def stamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {"at": clock().isoformat(timespec="milliseconds"), **event}

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ExtraAdder(),
        ],
        processors=[
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _without_queries,
            _without_secrets,
            stamp,
            _as_json if json else _as_text,
        ],
    )


def _without_queries(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if event.get("logger") in _ACCESS_LOGGERS:
        event["event"] = _QUERY.sub("", str(event["event"]))
    return event


def _without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {redact_text(str(name)): redact_field(str(name), one) for name, one in event.items()}


_FIRST: Final = ("at", "level", "logger", "event", "request_id")


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> ProcessorReturnValue:
    return jsonlib.dumps({name: event[name] for name in _in_order(event)})


def _as_text(_logger: WrappedLogger, _method: str, event: EventDict) -> ProcessorReturnValue:
    exception = event.pop("exception", None)
    head = f"{event.pop('at')} {event.pop('level'):<8} {_printable(event.pop('event'))}"
    line = " ".join([head, *(f"{name}={_printable(event[name])}" for name in _in_order(event))])
    return line if exception is None else f"{line}\n{exception}"


def _in_order(event: EventDict) -> list[str]:
    return [name for name in _FIRST if name in event] + [n for n in event if n not in _FIRST]


def _printable(value: object) -> str:
    """Show a value on one line, so that no newline in it can forge a line of its own."""
    text = str(value)
    return text if text.isprintable() else jsonlib.dumps(text)
