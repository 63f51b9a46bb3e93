"""Routes that are called straight: which they are, and that all steps before them are taken."""

from penstock.api.routing import PenstockRoute
from penstock.api.straight import straight
from tests.api.serving import Api


def test_the_listing_is_called_straight_and_what_has_a_path_or_a_body_is_not(
    sqlite_api: Api,
) -> None:
    """Only what a request alone says is handed over without FastAPI."""
    routes = [one for one in sqlite_api.app.routes if isinstance(one, PenstockRoute)]
    called = [one for one in routes if straight(one.dependant)]
    assert "list_transactions" in {one.name for one in called}
    for route in called:
        assert "{" not in route.path
        assert route.body_field is None


def test_nobody_comes_in_straight_without_a_token(sqlite_api: Api) -> None:
    """Who may call it is asked first, and what is asked is checked."""
    client = sqlite_api.client
    assert client.get("/v1/transactions").status_code == 401
    ada = sqlite_api.signed_in("ada")
    assert ada.get("/v1/transactions").json() == {"rows": [], "next_cursor": None}
    for query in ("limit=0", "limit=x", "nothing=1", "cursor=%00"):
        assert ada.get(f"/v1/transactions?{query}").status_code in {400, 422}


def test_a_path_is_the_whole_path(sqlite_api: Api) -> None:
    """What only ends, or begins, like a route's path is none."""
    ada = sqlite_api.signed_in("ada")
    for path in ("/x/v1/transactions", "/v1/transactions/", "/v1/transactions/a/b", "/v1"):
        assert ada.get(path).status_code == 404
    assert ada.put("/v1/transactions").status_code == 405
