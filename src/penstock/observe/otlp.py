"""Spans and metrics by OTLP over HTTP, to an OpenTelemetry collector: the extra `otel`.

DataDog's agent is such a collector. The metrics are those of `/metrics`, converted: what is counted
once is told in two ways. Headers (an API key), timeouts and certificates are the standard
OTEL_EXPORTER_OTLP_… variables, which the exporters read themselves. A collector that is away costs
nothing but what it does not get.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import export as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import Metric
from prometheus_client.samples import Sample

from penstock.observe.log import get_logger
from penstock.observe.metrics import Metrics
from penstock.observe.trace import Span, SpanKind, trace_with

EVERY: Final = 60.0
"""Seconds between two tellings of the metrics."""

_PATIENCE: Final = 5.0
_CUMULATIVE: Final = sdk.AggregationTemporality.CUMULATIVE
_KINDS: Final = {
    SpanKind.SERVER: trace.SpanKind.SERVER,
    SpanKind.CLIENT: trace.SpanKind.CLIENT,
    SpanKind.INTERNAL: trace.SpanKind.INTERNAL,
}

log = get_logger(__name__)


class _Noted:
    """A span of OpenTelemetry, in our words."""

    def __init__(self, open_span: trace.Span) -> None:
        self._span = open_span

    def rename(self, name: str) -> None:
        """Give it a better name."""
        self._span.update_name(name)

    def note(self, **attributes: str | int) -> None:
        """Set attributes."""
        for name, value in attributes.items():
            self._span.set_attribute(_dotted(name), value)


@contextlib.asynccontextmanager
async def exporting(
    endpoint: str,
    metrics: Metrics,
    *,
    version: str,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[None]:
    """Send spans and metrics to the collector at `endpoint` for as long as the context is open."""
    resource = Resource.create(
        {
            "service.name": "penstock",
            "service.version": version,
            "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
        }
    )
    base = endpoint.rstrip("/")
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    spans = OTLPSpanExporter(endpoint=f"{base}/v1/traces", timeout=_PATIENCE)
    provider.add_span_processor(BatchSpanProcessor(spans))
    exporter = OTLPMetricExporter(endpoint=f"{base}/v1/metrics", timeout=_PATIENCE)
    begun = time.time_ns()  # noqa: TID251 - what OTLP calls the start of a count
    telling = asyncio.create_task(_tell(exporter, metrics, resource, begun, sleep), name="otlp")
    trace_with(_opener(provider.get_tracer("penstock")))
    try:
        yield
    finally:
        trace_with(None)
        telling.cancel()
        await asyncio.wait([telling])
        await asyncio.to_thread(_export, exporter, metrics, resource, begun)
        await asyncio.to_thread(provider.shutdown)
        await asyncio.to_thread(exporter.shutdown)


def _opener(tracer: trace.Tracer) -> Any:  # noqa: ANN401 - an Opener, as a generator makes it
    @contextlib.contextmanager
    def opened(name: str, kind: SpanKind) -> Iterator[Span]:
        # An exception's text may hold what is nobody's business: its kind is all that is told.
        with tracer.start_as_current_span(
            name, kind=_KINDS[kind], record_exception=False, set_status_on_exception=False
        ) as one:
            try:
                yield _Noted(one)
            except BaseException as error:
                one.set_status(trace.StatusCode.ERROR)
                one.set_attribute("error.type", type(error).__name__)
                raise

    return opened


async def _tell(
    exporter: OTLPMetricExporter,
    metrics: Metrics,
    resource: Resource,
    begun: int,
    sleep: Callable[[float], Awaitable[None]],
) -> None:
    while True:
        await sleep(EVERY)
        await asyncio.to_thread(_export, exporter, metrics, resource, begun)


def _export(exporter: OTLPMetricExporter, metrics: Metrics, resource: Resource, begun: int) -> None:
    try:
        told = converted(metrics.families(), begun, time.time_ns())  # noqa: TID251 - as above
        scope = sdk.ScopeMetrics(InstrumentationScope("penstock"), told, "")
        exporter.export(sdk.MetricsData([sdk.ResourceMetrics(resource, [scope], "")]))
    except Exception as error:  # noqa: BLE001 - no sync and no answer waits for a collector
        log.warning("otlp.not_told", kind=type(error).__name__)


def converted(families: Iterator[Metric], begun: int, now: int) -> list[sdk.Metric]:
    """Return what Prometheus would be told, as OTLP has it. Instants are nanoseconds."""
    return [
        sdk.Metric(family.name, family.documentation, _unit(family.name), data)
        for family in families
        if (data := _converted(family, begun, now)).data_points
    ]


def _converted(family: Metric, begun: int, now: int) -> sdk.Sum | sdk.Gauge | sdk.Histogram:
    if family.type == "histogram":
        return sdk.Histogram(_histograms(family.samples, begun, now), _CUMULATIVE)
    if family.type == "counter":
        points = [
            sdk.NumberDataPoint(dict(one.labels), begun, now, one.value)
            for one in family.samples
            if one.name.endswith("_total")
        ]
        return sdk.Sum(points, _CUMULATIVE, is_monotonic=True)
    return sdk.Gauge(
        [sdk.NumberDataPoint(dict(one.labels), begun, now, one.value) for one in family.samples]
    )


def _histograms(samples: Sequence[Sample], begun: int, now: int) -> list[sdk.HistogramDataPoint]:
    """Return one point a set of labels: Prometheus adds buckets up, OTLP does not."""
    points: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for one in samples:
        labels = {name: value for name, value in one.labels.items() if name != "le"}
        part = one.labels.get("le") or one.name.rpartition("_")[2]
        points.setdefault(tuple(sorted(labels.items())), {})[part] = one.value
    return [_histogram(labels, parts, begun, now) for labels, parts in points.items()]


def _histogram(
    labels: tuple[tuple[str, str], ...], parts: dict[str, float], begun: int, now: int
) -> sdk.HistogramDataPoint:
    edges = sorted(float(name) for name in parts if name[0].isdigit() or name == "+Inf")
    sums = {float(name): int(one) for name, one in parts.items() if name not in _REST}
    counts = [sums[edge] - (sums[edges[i - 1]] if i else 0) for i, edge in enumerate(edges)]
    return sdk.HistogramDataPoint(
        attributes=dict(labels),
        start_time_unix_nano=begun,
        time_unix_nano=now,
        count=int(parts["count"]),
        sum=parts["sum"],
        bucket_counts=counts,
        explicit_bounds=edges[:-1],
        min=float("inf"),
        max=float("-inf"),
    )


_REST: Final = frozenset({"count", "sum", "created"})


def _unit(name: str) -> str:
    return "s" if name.endswith("_seconds") else "1"


def _dotted(name: str) -> str:
    """Return an attribute's name in OpenTelemetry's own words, where it has any."""
    known = {
        "http_request_method": "http.request.method",
        "http_response_status_code": "http.response.status_code",
        "http_route": "http.route",
        "server_address": "server.address",
    }
    return known.get(name, f"penstock.{name}")
