"""What a provider says of its limits is read in every spelling, and never believed blindly."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.rate_headers import Told, read_told

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
NAMES = ["limit", "remaining", "reset"]


def told(family: str, limit: int | None, calls_left: int, seconds: float) -> tuple[Told, ...]:
    """Return what should be read."""
    return (Told(family, limit, calls_left, timedelta(seconds=seconds)),)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            {"x-ratelimit-limit": "250", "x-ratelimit-remaining": "3", "x-ratelimit-reset": "20"},
            told("", 250, 3, 20),
        ),
        ({"x-ratelimit-remaining": "3", "x-ratelimit-reset": "20"}, told("", None, 3, 20)),
        (
            {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(EPOCH + 60)},
            told("", None, 0, 60),
        ),
        (
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str((EPOCH + 60) * 1000)},
            told("", None, 0, 60),
        ),
        (
            {
                "http_x_ratelimit_account_success_limit": "4",
                "http_x_ratelimit_account_success_remaining": "1",
                "http_x_ratelimit_account_success_reset": "85092",
            },
            told("account-success", 4, 1, 85092),
        ),
        (
            {
                "ratelimit-limit": "100, 100;w=60",
                "ratelimit-remaining": "50",
                "ratelimit-reset": "30",
            },
            told("", 100, 50, 30),
        ),
        ({"ratelimit": "limit=100, remaining=50, reset=30"}, told("", 100, 50, 30)),
        ({"ratelimit": '"default";r=50;t=30'}, told("", None, 50, 30)),
        ({"ratelimit": '"burst";r=1;t=2, "daily";r=50;t=3000'}, told("", None, 1, 2)),
    ],
)
def test_every_spelling_is_read(headers: dict[str, str], expected: tuple[Told, ...]) -> None:
    """sync.md 23: as SnapTrade, GoCardless and the IETF draft write them; spans and instants."""
    assert read_told(headers, NOW) == expected


def test_families_are_kept_apart() -> None:
    """sync.md 23: the app's own limit and an account's may stand in one answer."""
    words = {"": "9", "account-": "2"}
    headers = {
        f"x-ratelimit-{family}{name}": calls for family, calls in words.items() for name in NAMES
    }
    read = {one.family: one.left for one in read_told(headers, NOW)}
    assert read == {"": 9, "account": 2}


@pytest.mark.parametrize(
    "wrong",
    ["-1", "1.5", "soon", "", " ", "9" * 17, "٣", "1e9", "0x10", "inf", "NaN", "1\x00", "9" * 5000],
)
@pytest.mark.parametrize("name", ["remaining", "reset"])
def test_a_value_that_is_no_number_says_nothing(wrong: str, name: str) -> None:
    """sync.md 23: huge, negative and garbage values are ignored, as if nothing had been sent."""
    good = {"x-ratelimit-limit": "10", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "60"}
    assert read_told(good, NOW)
    assert read_told({**good, f"x-ratelimit-{name}": wrong}, NOW) == ()


@pytest.mark.parametrize("reset", ["0", str(EPOCH - 1), str(32 * 86400), str(EPOCH * 2)])
def test_a_reset_that_is_over_or_far_away_says_nothing(reset: str) -> None:
    """sync.md 23: a wrong clock or a wrong unit must not stop us for weeks."""
    assert read_told({"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}, NOW) == ()


@given(
    st.dictionaries(
        st.sampled_from(
            [
                f"{x}ratelimit{way}"
                for x in ("", "x-", "http_x_")
                for way in ("", "-reset", "_remaining")
            ]
        ),
        st.text(max_size=40) | st.integers().map(str),
    )
)
def test_nothing_that_is_sent_breaks_the_reader(headers: dict[str, str]) -> None:
    """sync.md 23: whatever comes, what is read is of a sane size."""
    for one in read_told(headers, NOW):
        assert one.left >= 0
        assert timedelta(0) < one.resets <= timedelta(days=31)
