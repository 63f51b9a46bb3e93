"""Query strings read at once, where it matters: a list that programs ask for all the time.

FastAPI takes, converts and checks each parameter by itself, which for a dozen of them takes longer
than to answer. Here one model reads the whole string, with the same refusals and the same
description.
"""

from typing import Annotated, Any, Generic, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penstock.api.paging import MOST_CHARACTERS, MOST_ROWS, Wanted


class Paged(BaseModel):
    """The parameters of a list in pages. Unknown names are refused in routing.py."""

    model_config = ConfigDict(frozen=True)

    cursor: Annotated[
        str | None,
        Field(
            description="`next_cursor` of the page before.",
            max_length=MOST_CHARACTERS,
            examples=["v0e_x-xWWzMsMSwxXQ"],
        ),
    ] = None
    limit: Annotated[
        int, Field(description="Rows at most.", ge=1, le=MOST_ROWS, examples=[100])
    ] = 100

    @property
    def page(self) -> Wanted:
        """Which page is asked for."""
        return Wanted(self.cursor, self.limit)


M = TypeVar("M", bound=Paged)


class QueryOf(Generic[M]):
    """`Annotated[Filters, Depends(QueryOf(Filters))]` gives a route its query as a model."""

    def __init__(self, model: type[M]) -> None:
        self.model = model
        self.names = frozenset(field.alias or name for name, field in model.model_fields.items())

    async def __call__(self, request: Request) -> M:
        """Read the query. Raises RequestValidationError."""
        try:
            return self.model.model_validate(dict(request.query_params))
        except ValidationError as error:
            faults = error.errors(include_url=False, include_input=False)
            raise RequestValidationError(
                [{**fault, "loc": ("query", *fault["loc"])} for fault in faults]
            ) from None


def described(model: type[Paged]) -> dict[str, Any]:
    """Return the model's parameters for a route's `openapi_extra`."""
    schema = model.model_json_schema()
    names = schema.get("$defs", {})
    return {
        "parameters": [_parameter(name, one, names) for name, one in schema["properties"].items()]
    }


def _parameter(name: str, schema: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    """Describe one parameter. One that may be left out is never sent as null."""
    kept = {key: value for key, value in schema.items() if key not in ("anyOf", "title")}
    kinds = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    for kind in kinds[:1]:
        kept = {**kind, **kept}
    if kept.get("default", ...) is None:
        del kept["default"]
    reference = kept.pop("$ref", None)
    if reference:
        kept = {**names[reference.rpartition("/")[2]], **kept}
    description = kept.pop("description", "")
    return {"name": name, "in": "query", "description": description, "schema": kept}
