"""What a connector is told, and what it says where that cannot be used."""

import pytest

from penstock.domain.errors import InvalidInput
from penstock.domain.option import Given, Option
from penstock.domain.secret import Secret

OPTIONS = (
    Option("url", "Where it is.", default="https://bank.example/"),
    Option("client_id", "Who we are.", required=True),
    Option("key", "What proves it.", secret=True),
)


def given(**values: str) -> Given:
    """Return what somebody set for the connector `mill`."""
    return Given("mill", OPTIONS, {name: Secret(text) for name, text in values.items()})


def test_what_is_not_set_has_its_default() -> None:
    """Nothing need be set but what is required; that is named as it has to be set."""
    told = given(other_client_id="x")
    assert told.url() == "https://bank.example"
    assert told.secret("key") is None
    assert told.missing == ("mill_client_id",)


def test_what_is_set_counts() -> None:
    """Spaces around it do not."""
    told = given(mill_url=" http://127.0.0.1:9/x/ ", mill_client_id="me", mill_key="k")
    assert (told.url(), told.text("client_id"), told.missing) == ("http://127.0.0.1:9/x", "me", ())
    assert told.secret("key") == Secret("k")


@pytest.mark.parametrize("text", ["bank.example", "ftp://bank.example", "https://", "file:///x"])
def test_an_address_has_to_be_one(text: str) -> None:
    """The complaint names the variable, and not what stands in it: it may be a secret."""
    with pytest.raises(InvalidInput, match="PENSTOCK_MILL_URL is no address") as caught:
        given(mill_url=text).url()
    assert "bank" not in str(caught.value)


def test_an_option_may_be_several_addresses() -> None:
    """With commas between; each has to be one, and none counts that is not there."""
    told = given(mill_url=" https://a.example/ , http://127.0.0.1:9/x,, ")
    assert told.urls() == ("https://a.example", "http://127.0.0.1:9/x")
    assert given().urls() == ("https://bank.example",)
    with pytest.raises(InvalidInput, match="PENSTOCK_MILL_URL is no address"):
        given(mill_url="https://a.example,nowhere").urls()
