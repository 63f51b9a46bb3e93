"""Which names people may have."""

import pytest

from penstock.domain.errors import InvalidInput
from penstock.identity.usernames import known_username, new_username


@pytest.mark.parametrize(
    ("typed", "name"), [("Ada", "ada"), (" ada@example.org ", "ada@example.org"), ("7of9", "7of9")]
)
def test_a_name_is_written_one_way(typed: str, name: str) -> None:
    """Capitals and blanks around make no other person."""
    assert new_username(typed) == known_username(typed) == name


@pytest.mark.parametrize(
    "typed",
    ["", " ", "-ada", "a b", "a\0b", "a\nda", "\u0430da", "a" * 65, "<b>", "\ud800", "ada/.."],
)
def test_other_names_are_refused(typed: str) -> None:
    """X4: nothing that looks like another name or breaks a database is one."""
    with pytest.raises(InvalidInput):
        new_username(typed)
    assert known_username(typed) == ""
