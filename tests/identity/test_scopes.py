"""What a scope text may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.identity.scopes import (
    ALL,
    DESCRIPTIONS,
    Scope,
    UnknownScope,
    read_scopes,
    write_scopes,
)


@given(st.frozensets(st.sampled_from(Scope), min_size=1))
def test_scopes_survive_being_written(scopes: frozenset[Scope]) -> None:
    """What is written is read again."""
    assert read_scopes(write_scopes(scopes)) == scopes


def test_nothing_asked_is_all() -> None:
    """RFC 6749 §3.3: without a scope there is a default, here everything."""
    assert read_scopes("") == ALL


@pytest.mark.parametrize(
    "text",
    [
        "read\nwrite",
        "read\twrite",
        "read  write",
        " read",
        "read ",
        "READ",
        "root",
        "read,write",
        "read\u00a0write",
        "read\0",
        "réad",
        '"read"',
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """X4: a newline does not make two scopes of one, nor does any other trick."""
    with pytest.raises(UnknownScope):
        read_scopes(text)


def test_every_scope_is_described() -> None:
    """People read what they allow."""
    assert set(DESCRIPTIONS) == set(Scope)
