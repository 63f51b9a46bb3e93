"""A process without an API tells its metrics by the same rule as the API."""

import pytest
from starlette.testclient import TestClient

from penstock.api.scraping import metrics_app
from penstock.observe.metrics import Metrics
from penstock.settings import Settings

NEAR = ("127.0.0.1", 50000)
FAR = ("192.0.2.7", 50000)
SENT = {"Authorization": "Bearer scrape me"}


@pytest.mark.parametrize(
    ("given", "peer", "headers", "status"),
    [
        ({}, NEAR, {}, 200),
        ({}, FAR, {}, 403),
        ({}, NEAR, {"X-Forwarded-For": "127.0.0.1"}, 403),
        ({"public_url": "https://penstock.example"}, NEAR, {}, 403),
        ({"metrics_token": "scrape me"}, NEAR, {}, 403),
        ({"metrics_token": "scrape me"}, FAR, SENT, 200),
        ({"metrics_token": "scrape you"}, FAR, SENT, 403),
    ],
)
def test_a_worker_tells_whom_the_api_tells(
    given: dict[str, str], peer: tuple[str, int], headers: dict[str, str], status: int
) -> None:
    """L1: this machine without a token, whoever has the token with one, and nobody else."""
    metrics = Metrics()
    metrics.run_ended("sandbox", "done", 0.5)
    client = TestClient(metrics_app(Settings.model_validate(given), metrics), client=peer)
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == status
    assert ("penstock_sync_runs_total" in answer.text) is (status == 200)
    assert "scrape" not in answer.text


def test_there_is_nothing_else() -> None:
    """L1: no other address, and no other method."""
    client = TestClient(metrics_app(Settings(), Metrics()), client=NEAR)
    assert client.get("/v1/me").status_code == 404
    assert client.get("/").status_code == 404
    assert client.post("/metrics").status_code == 405
