"""Sealed credentials open in their own place, and nowhere else."""

from dataclasses import replace

import pytest

from penstock.domain.consent import Credentials
from penstock.domain.errors import SealBroken
from penstock.domain.secret import Secret
from tests.engine.bench import SEALS

OPENED = Credentials(Secret("access"), Secret("refresh"))


def test_credentials_open_where_they_were_sealed() -> None:
    """K1: what was sealed comes back."""
    sealed = SEALS.seal(OPENED, 1, 2, plan=0, version=3)
    assert SEALS.open(sealed, 2) == OPENED


def test_swapped_credentials_fail_closed() -> None:
    """K1: those of another row, owner, field, or an older version put back, do not open."""
    sealed = SEALS.seal(OPENED, 1, 2, plan=0, version=3)
    older = SEALS.seal(OPENED, 1, 2, plan=0, version=2)
    elsewhere = (
        replace(sealed, connection_id=9),
        replace(sealed, access=sealed.refresh or ""),
        replace(sealed, access=older.access),
        replace(sealed, refresh=older.refresh),
    )
    for moved in elsewhere:
        with pytest.raises(SealBroken):
            SEALS.open(moved, 2)
    with pytest.raises(SealBroken):
        SEALS.open(sealed, 9)
