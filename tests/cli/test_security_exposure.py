"""What `penstock doctor --security` sees of settings and of the public address, good and bad."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from penstock.cli.doctor.security import edge, exposure
from penstock.cli.doctor.security.edge import Answer, Edge
from penstock.cli.doctor.security.finding import Grade
from penstock.settings import Settings
from tests.cli.stored import NOW, around, grades, in_production

OK, ATTENTION, FAILED = Grade.OK, Grade.ATTENTION, Grade.FAILED
URL = "https://penstock.example.org"
HOME: dict[str, Any] = {}
BEHIND: dict[str, Any] = {"public_url": URL, "trusted_proxies": ("127.0.0.1",)}
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "strict-transport-security": "max-age=31536000",
    "date": "Sat, 21 Nov 2026 12:00:02 GMT",
}


@pytest.mark.parametrize(
    ("probe", "settings", "grade"),
    [
        (exposure.proxies, HOME, OK),
        (exposure.proxies, BEHIND, OK),
        (exposure.proxies, {"public_url": URL}, ATTENTION),
        (exposure.proxies, {**BEHIND, "trusted_proxies": ("0.0.0.0/0",)}, FAILED),
        (exposure.proxies, {**BEHIND, "trusted_proxies": ("::/0",)}, FAILED),
        (exposure.proxies, {**BEHIND, "trusted_proxies": ("the-proxy",)}, FAILED),
        (exposure.passkeys, HOME, OK),
        (exposure.passkeys, BEHIND, OK),
        (exposure.passkeys, {"public_url": "http://localhost:8321"}, OK),
        (exposure.passkeys, {"public_url": "https://192.0.2.7"}, ATTENTION),
        (exposure.passkeys, {"public_url": "http://penstock.lan"}, ATTENTION),
        (exposure.password_grant, HOME, OK),
        (exposure.password_grant, {"password_grant": False}, OK),
        (exposure.metrics, HOME, OK),
        (exposure.metrics, {"metrics_token": "0123456789abcdef"}, OK),
        (exposure.metrics, {"metrics_token": "short"}, ATTENTION),
        (exposure.redirects, {"redirect_uris": ("http://127.0.0.1:1/x", "app:/x")}, OK),
        (exposure.redirects, {"redirect_uris": ("http://example.org/x",)}, ATTENTION),
        (exposure.logging, {"log_level": "DEBUG"}, OK),
        (exposure.listening, HOME, OK),
        (exposure.listening, BEHIND, OK),
        (exposure.listening, {"public_url": "http://penstock.lan"}, FAILED),
        (exposure.listening, {"host": "192.0.2.1"}, FAILED),
        (exposure.listening, {"host": "192.0.2.1", "public_url": URL}, FAILED),
        (exposure.listening, {"host": "192.0.2.1", **BEHIND}, OK),
        (exposure.own_network, {"loopback_providers": ("127.0.0.1:9",)}, OK),
        (exposure.own_network, BEHIND, ATTENTION),
    ],
)
def test_what_settings_open_is_graded(
    probe: Callable[[Settings], Any], settings: dict[str, Any], grade: Grade
) -> None:
    """L4, L7, L8, T5, C1, K3, W1, X2: each setting that opens a door is seen, and no other."""
    assert grades(probe(around(**settings).settings)) == [grade]


@pytest.mark.parametrize(
    ("probe", "settings", "grade"),
    [
        (exposure.password_grant, BEHIND, ATTENTION),
        (exposure.password_grant, {**BEHIND, "password_grant": False}, OK),
        (exposure.password_grant, HOME, OK),
        (exposure.logging, {"log_level": "debug"}, ATTENTION),
        (exposure.own_network, BEHIND, OK),
        (exposure.own_network, {"loopback_providers": ("127.0.0.1:9",)}, ATTENTION),
        (exposure.own_network, {"provider_options": {"x_url": "http://10.0.0.1/"}}, ATTENTION),
    ],
)
def test_production_is_held_to_more(
    probe: Callable[[Settings], Any], settings: dict[str, Any], grade: Grade
) -> None:
    """L8, K3, X2: what is fine on one's own desk wants attention in production."""
    assert grades(probe(in_production(**settings).settings)) == [grade]


def test_traces_in_the_clear_are_seen() -> None:
    """K3: a collector elsewhere that is sent to by HTTP wants attention; one here does not."""

    def told(url: str) -> list[Grade]:
        return grades(exposure.logging(around(otlp_endpoint=url).settings))

    assert told("http://collector.lan:4318") == [OK, ATTENTION]
    assert told("http://127.0.0.1:4318") == [OK]
    assert told("https://collector.lan:4318") == [OK]


def seen(**different: Any) -> Edge:
    """Return a server that answers as it should, but for what is given."""
    answers: dict[str, Answer | str] = {
        edge.HEALTH: Answer(200, HEADERS),
        edge.PRIVATE: Answer(401, HEADERS),
        edge.METRICS: Answer(403, HEADERS),
        edge.METADATA: Answer(200, HEADERS, f'{{"issuer": "{URL}"}}'.encode()),
    }
    values: dict[str, Any] = {"until": NOW + timedelta(days=60), "now": NOW, "url": URL}
    answers.update(different.pop("answers", {}))
    return Edge(**{**values, **different}, answers=answers)


@pytest.mark.parametrize(
    ("until", "grade"),
    [
        (NOW + timedelta(days=60), [OK]),
        (NOW + timedelta(days=5), [ATTENTION]),
        ("certificate has expired", [FAILED]),
        (None, []),
    ],
)
def test_a_certificate_that_ends_is_seen(until: datetime | str | None, grade: list[Grade]) -> None:
    """W1: three weeks before its end it wants attention; one that is no good is a failure."""
    assert grades(edge.certificate(seen(until=until))) == grade


@pytest.mark.parametrize(
    ("missing", "value", "grade"),
    [
        ("", "", [OK, OK]),
        ("content-security-policy", "default-src *", [FAILED, OK]),
        ("cache-control", "", [FAILED, OK]),
        ("x-content-type-options", "", [FAILED, OK]),
        ("strict-transport-security", "", [OK, FAILED]),
        ("strict-transport-security", "max-age=60", [OK, ATTENTION]),
        ("strict-transport-security", "max-age=63072000; includeSubDomains", [OK, OK]),
    ],
)
def test_a_header_that_does_not_arrive_is_seen(
    missing: str, value: str, grade: list[Grade]
) -> None:
    """W3: a proxy that takes away or changes what browsers are told is a failure."""
    answer = Answer(200, {**HEADERS, missing: value})
    assert grades(edge.headers(seen(answers={edge.HEALTH: answer}))) == grade


def test_a_server_that_is_silent_is_seen() -> None:
    """W3: no answer wants attention, and says nothing of the other rows."""
    silent = seen(answers=dict.fromkeys(seen().answers, "ConnectError: refused"))
    assert grades(edge.headers(silent)) == [ATTENTION]
    for probe in (edge.closed, edge.clock, edge.metadata):
        assert grades(probe(silent)) == []


def test_an_open_door_is_seen() -> None:
    """T5: a person's data or the counts, answered to a stranger, are a failure."""
    assert grades(edge.closed(seen())) == [OK, OK]
    opened = seen(answers={edge.PRIVATE: Answer(200, {}), edge.METRICS: Answer(200, {})})
    assert grades(edge.closed(opened)) == [FAILED, FAILED]


def test_another_time_is_seen() -> None:
    """T3: a server whose clock is half a minute from ours is a failure."""
    late = Answer(200, {**HEADERS, "date": "Sat, 21 Nov 2026 12:01:00 GMT"})
    odd = Answer(200, {**HEADERS, "date": "yesterday"})
    assert grades(edge.clock(seen())) == [OK]
    assert grades(edge.clock(seen(answers={edge.HEALTH: late}))) == [FAILED]
    assert grades(edge.clock(seen(answers={edge.HEALTH: odd}))) == []


@pytest.mark.parametrize("body", [b"{}", b'{"issuer": "https://evil.example"}', b"<html>", b"[]"])
def test_another_issuer_is_seen(body: bytes) -> None:
    """C4: metadata that name another issuer, or none, are a failure."""
    assert grades(edge.metadata(seen())) == [OK]
    strange = seen(answers={edge.METADATA: Answer(200, {}, body)})
    assert grades(edge.metadata(strange)) == [FAILED]
    assert grades(edge.metadata(seen(answers={edge.METADATA: Answer(404, {})}))) == [FAILED]


def test_the_public_address_alone_is_asked() -> None:
    """Without a public address nobody is asked; with one, nobody else."""
    asked: list[str] = []

    def ask(url: str) -> Answer | str:
        asked.append(url)
        return "nobody is there"

    def until(host: str, port: int) -> str:
        asked.append(f"{host}:{port}")
        return "nobody is there"

    assert edge.look(around().settings, NOW, ask, until) is None
    assert asked == []
    looked = edge.look(around(public_url=f"{URL}:8443/hub").settings, NOW, ask, until)
    assert looked is not None
    assert looked.until == "nobody is there"
    assert asked[0] == "penstock.example.org:8443"
    assert all(one.startswith(f"{URL}:8443/hub/") for one in asked[1:])
    assert edge.look(around(public_url="http://a.lan").settings, NOW, ask, until) is not None
    assert "a.lan:443" not in asked


def test_a_port_where_nobody_listens_has_no_certificate() -> None:
    """The real way to ask says in words why there is no answer."""
    assert "Error" in str(edge.certificate_until("127.0.0.1", 9))
    assert "Error" in str(edge.ask("http://127.0.0.1:9/healthz"))
