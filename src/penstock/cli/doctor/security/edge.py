"""The server as the world reaches it, at PENSTOCK_PUBLIC_URL: T3, T5, C4, W1, W3.

It is the one address that is asked, and no other is known to us: the server's own.
"""

import json
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from penstock.cli.doctor.security.finding import Finding, attention, failed, ok
from penstock.cli.doctor.security.postgres import apart
from penstock.settings import Settings

HEALTH: Final = "/healthz"
PRIVATE: Final = "/v1/accounts"
METRICS: Final = "/metrics"
METADATA: Final = "/.well-known/oauth-authorization-server"

_SECONDS: Final = 10
_REFUSED: Final = frozenset({401, 403, 404})
_SOON: Final = timedelta(days=21)
_HALF_A_YEAR: Final = 182 * 24 * 3600
_WANTED: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "content-security-policy": "frame-ancestors 'none'",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Edge:
    """`answers` has for each path what came, or in words why nothing did.

    `until` is when the certificate ends, or in words what is wrong with it; None without HTTPS.
    """

    url: str
    answers: Mapping[str, Answer | str]
    until: datetime | str | None
    now: datetime


Ask = Callable[[str], Answer | str]
Until = Callable[[str, int], datetime | str]


def ask(url: str) -> Answer | str:
    """Return what is answered to somebody without a token, or why nothing is."""
    try:
        answer = httpx2.get(url, timeout=_SECONDS, follow_redirects=False)
    except httpx2.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Answer(answer.status_code, headers, answer.content)


def certificate_until(
    host: str, port: int, context: ssl.SSLContext | None = None
) -> datetime | str:
    """Return when the certificate of a server ends, or what is wrong with it."""
    context = context or ssl.create_default_context()
    try:
        with (
            socket.create_connection((host, port), timeout=_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            shown = secure.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return error.verify_message or "it is not one that can be believed"
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    ends = ssl.cert_time_to_seconds(str(shown["notAfter"]))
    return datetime.fromtimestamp(ends, UTC)


def look(
    settings: Settings, now: datetime, ask: Ask = ask, until: Until = certificate_until
) -> Edge | None:
    """Ask the public address what it is to strangers; None where there is none."""
    if settings.public_url is None:
        return None
    url = str(settings.public_url).rstrip("/")
    parts = urlsplit(url)
    ends = until(parts.hostname or "", parts.port or 443) if parts.scheme == "https" else None
    answers = {path: ask(url + path) for path in (HEALTH, PRIVATE, METRICS, METADATA)}
    return Edge(url, answers, ends, now)


def certificate(edge: Edge) -> Iterator[Finding]:
    """W1: the certificate is good, and will be for a while."""
    remedy = "Have your proxy renew it, and load the new one."
    if isinstance(edge.until, str):
        yield failed(f"the certificate of {edge.url}: {edge.until}", remedy)
    elif edge.until is not None:
        left = edge.until - edge.now
        found = f"the certificate of {edge.url} is good for {left.days} days"
        yield attention(found, remedy) if left < _SOON else ok(found)


def headers(edge: Edge) -> Iterator[Finding]:
    """W3: what the server says to browsers arrives, also through the proxy."""
    answer = edge.answers[HEALTH]
    remedy = "Let your proxy pass the server's headers on, and add none of these itself."
    if isinstance(answer, str):
        yield attention(f"{edge.url} gives no answer: {answer}", "See that the server runs there.")
        return
    missing = [
        name for name, part in _WANTED.items() if part not in answer.headers.get(name, "").lower()
    ]
    if missing:
        yield failed(f"headers are missing or changed: {', '.join(missing)}", remedy)
    else:
        yield ok("nothing may frame, sniff, cache or follow its answers")
    if edge.url.startswith("https:"):
        yield _strict_transport(answer.headers.get("strict-transport-security", ""))


def closed(edge: Edge) -> Iterator[Finding]:
    """T5: a stranger is refused a person's data, and the operator's counts."""
    for path in (PRIVATE, METRICS):
        answer = edge.answers[path]
        if isinstance(answer, str):
            continue
        if answer.status in _REFUSED:
            yield ok(f"{path} refuses a stranger ({answer.status})")
        else:
            remedy = "See what answers there: it is not this server, or a proxy adds a token."
            yield failed(f"{path} answers a stranger with {answer.status}", remedy)


def clock(edge: Edge) -> Iterator[Finding]:
    """T3: the server that the world reaches has our time."""
    answer = edge.answers[HEALTH]
    if not isinstance(answer, str):
        try:
            there = parsedate_to_datetime(answer.headers.get("date", ""))
        except ValueError:
            return
        yield apart(there, edge.now, edge.url)


def metadata(edge: Edge) -> Iterator[Finding]:
    """C4: the server says of itself what it is, under the address that people use."""
    answer = edge.answers[METADATA]
    if isinstance(answer, str):
        return
    remedy = "Set PENSTOCK_PUBLIC_URL to the very address that programs are given."
    issuer = _read(answer.body).get("issuer") if answer.status == 200 else None  # noqa: PLR2004 - OK
    if issuer == edge.url:
        yield ok(f"its metadata name {issuer} as the issuer")
    else:
        yield failed(f"its metadata name {issuer!r} as the issuer, not {edge.url}", remedy)


def _strict_transport(value: str) -> Finding:
    remedy = "Set PENSTOCK_TRUSTED_PROXIES, and have the proxy send X-Forwarded-Proto."
    ages = [part.strip()[8:] for part in value.lower().split(";") if "max-age=" in part]
    if not ages:
        return failed("browsers are not told to keep to HTTPS (HSTS)", remedy)
    if not ages[0].isdigit() or int(ages[0]) < _HALF_A_YEAR:
        return attention(f"browsers keep to HTTPS for less than half a year ({value})", remedy)
    return ok("browsers keep to HTTPS (HSTS)")


def _read(body: bytes) -> dict[str, Any]:
    try:
        read = json.loads(body)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
