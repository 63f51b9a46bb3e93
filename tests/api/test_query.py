"""A query that one model reads at once is described, and refused, as FastAPI would."""

from penstock.api.query import described
from penstock.api.routes.transactions import Filters
from tests.api.serving import Api


def test_every_parameter_is_described(sqlite_api: Api) -> None:
    """The document has each of the listing's parameters once, none of them required or null."""
    document = sqlite_api.client.get("/openapi.json").json()
    parameters = document["paths"]["/v1/transactions"]["get"]["parameters"]
    names = [one["name"] for one in parameters]
    assert sorted(names) == sorted(
        field.alias or name for name, field in Filters.model_fields.items()
    )
    for one in parameters:
        assert one["in"] == "query"
        assert one["description"], one["name"]
        assert not one.get("required")
        assert one["schema"]["type"] in {"string", "integer", "boolean"}
        assert one["schema"].get("default", "") is not None


def test_a_named_type_is_written_out() -> None:
    """An enumeration's words stand in the parameter itself."""
    by_name = {one["name"]: one["schema"] for one in described(Filters)["parameters"]}
    assert by_name["status"]["enum"] == ["pending", "posted"]
    assert by_name["from"]["format"] == "date"
    assert (by_name["limit"]["minimum"], by_name["limit"]["maximum"]) == (1, 500)
