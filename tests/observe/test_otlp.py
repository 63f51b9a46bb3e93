"""Spans and metrics reach a collector, nested as they were caused, and no secret with them."""

import asyncio
import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import sqlalchemy as sa
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from penstock.api.app import create_app
from penstock.cli.client import http_client
from penstock.cli.in_process import BASE_URL, AppTransport
from penstock.db.cursors import cursors
from penstock.observe.metrics import Metrics
from penstock.observe.otlp import exporting
from penstock.observe.trace import SpanKind, span
from tests.databases import Database
from tests.engine.house import house, play
from tests.observe.test_metrics import samples


class Collector(ThreadingHTTPServer):
    """A collector that keeps what it is told."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[bytes]] = {"/v1/traces": [], "/v1/metrics": []}
        super().__init__(("127.0.0.1", 0), Taking)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def spans(self) -> list[Any]:
        """Return every span."""
        read = [ExportTraceServiceRequest.FromString(one) for one in self.bodies["/v1/traces"]]
        return [
            one
            for request in read
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for one in scope.spans
        ]

    def metrics(self) -> dict[str, Any]:
        """Return the last word on each metric."""
        read = [ExportMetricsServiceRequest.FromString(one) for one in self.bodies["/v1/metrics"]]
        return {
            one.name: one
            for request in read
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for one in scope.metrics
        }


class Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Collector)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        zipped = self.headers.get("Content-Encoding") == "gzip"
        self.server.bodies[self.path].append(gzip.decompress(body) if zipped else body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Run a collector."""
    server = Collector()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def attributes(one: Any) -> dict[str, Any]:
    """Return a span's attributes."""
    return {pair.key: pair.value.string_value or pair.value.int_value for pair in one.attributes}


def test_a_request_a_sync_and_the_banks_answers_are_one_trace(
    sqlite_database: Database, collector: Collector
) -> None:
    """What a person's click caused hangs together: the request, its sync, each call to the bank."""

    async def story() -> None:
        async with house(sqlite_database.url, otlp_endpoint=collector.url) as home:
            number = await home.link()
            with span("POST", SpanKind.SERVER):
                runner = home.penstock.runner
                run_id = await runner.sync_now(number, trigger="test")
            await runner.wait(run_id)

    play(story())
    spans = {one.span_id: one for one in collector.spans()}
    [syncing] = [one for one in spans.values() if one.name == "sync"]
    assert spans[syncing.parent_span_id].name == "POST"
    assert attributes(syncing) == {"penstock.connector": "sandbox", "penstock.outcome": "done"}
    asked = [one for one in spans.values() if one.parent_span_id == syncing.span_id]
    assert {one.name for one in asked} == {"GET sandbox"}
    assert len({one.trace_id for one in [syncing, *asked]}) == 1
    assert attributes(asked[-1]) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "penstock.connector": "sandbox",
        "server.address": "127.0.0.1",
    }
    assert "POST sandbox" in {one.name for one in spans.values()}  # the link's token


def test_an_answer_of_ours_is_a_span_by_its_route(
    sqlite_database: Database, collector: Collector
) -> None:
    """A span has the route's template and the status, and nothing that a stranger wrote."""

    async def story() -> None:
        async with house(sqlite_database.url, otlp_endpoint=collector.url) as home:
            app = create_app(lambda: nullcontext(home.penstock))
            async with (
                app.router.lifespan_context(app),
                http_client(BASE_URL, AppTransport(app)) as http,
            ):
                await http.get("/healthz")
                await http.get("/v1/accounts/acc_canaryofapath?token=canary-of-a-query")

    play(story())
    told = {one.name: attributes(one) for one in collector.spans()}
    assert told["GET /healthz"]["http.response.status_code"] == 200
    assert told["GET /v1/accounts/{account_id}"]["http.response.status_code"] == 401
    assert b"canary" not in b"".join(collector.bodies["/v1/traces"])


def test_no_secret_is_in_a_trace(sqlite_database: Database, collector: Collector) -> None:
    """K3: no token, code, verifier, id or amount of a link and a sync is in what leaves."""

    async def story() -> list[str]:
        async with house(sqlite_database.url, otlp_endpoint=collector.url) as home:
            number = await home.link()
            await home.sync(number)
            said = [one for row in (await home.rows()).values() for one in (row[2], row[3])]
            return said + [row[0] for row in await home.all(sa.select(cursors.c.cursor))]

    secrets = play(story())
    told = b"".join(collector.bodies["/v1/traces"] + collector.bodies["/v1/metrics"])
    assert [one for one in secrets if one.encode() in told] == []
    for word in (b"code=", b"Bearer", b"state=", b"cursor=", b"con_", b"acc_"):
        assert word not in told


def test_the_metrics_are_those_of_prometheus(collector: Collector) -> None:
    """Counts, states and histograms arrive as `/metrics` tells them; buckets do not add up."""
    metrics = Metrics()
    for seconds in (0.05, 0.2, 0.2, 5000):
        metrics.run_ended("sandbox", "done", seconds)
    metrics.rows_seen("sandbox", "inserted", 15)

    async def story() -> None:
        async with exporting(f"{collector.url}/", metrics, version="1"):
            await asyncio.sleep(0)

    asyncio.run(story())
    told = collector.metrics()
    [rows] = told["penstock_rows"].sum.data_points
    assert rows.as_double == samples(metrics)["penstock_rows_total", ("sandbox", "inserted")] == 15
    assert told["penstock_rows"].sum.is_monotonic
    [runs] = told["penstock_sync_run_seconds"].histogram.data_points
    assert (runs.count, runs.sum) == (4, pytest.approx(5000.45))
    assert list(runs.bucket_counts) == [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert len(runs.explicit_bounds) == 10
    assert told["penstock_sync_run_seconds"].unit == "s"


def test_a_collector_that_is_away_holds_nothing_up() -> None:
    """Where nobody listens, a span opens and closes, and the end comes soon."""

    async def story() -> None:
        async with exporting("http://127.0.0.1:9", Metrics(), version="1"):
            with span("sync") as one:
                one.note(connector="sandbox")

    asyncio.run(asyncio.wait_for(story(), 60))


def test_nothing_is_imported_where_it_is_off() -> None:
    """Without an endpoint no part of OpenTelemetry is loaded, and a span costs nothing."""
    program = (
        "import sys, penstock.wiring, penstock.observe.trace as t\n"
        "with t.span('x') as one: one.note(a=1)\n"
        "assert t.span('x') is t.span('y')\n"
        "print([m for m in sys.modules if m.startswith(('opentelemetry', 'apprise'))])"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert told.stdout.strip() == "[]"
