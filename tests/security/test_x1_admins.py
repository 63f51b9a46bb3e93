"""X1: what an admin looks after is people, and with the wall up as well as without."""

from penstock.domain.ids import public_id
from tests.api.serving import Api


def test_an_admin_sees_people_and_nothing_of_theirs(tenants: Api) -> None:
    """X1: all people are listed, and one is disabled; their accounts are not the admin's."""
    admin, ada = tenants.admin(), tenants.signed_in("ada")
    names = {row["username"] for row in admin.get("/v1/people").json()["rows"]}
    assert names >= {"root", "ada"}
    number = public_id("usr", tenants.people["ada"])
    answer = admin.patch(f"/v1/people/{number}", json={"disabled": True})
    assert answer.status_code == 200, answer.text
    assert ada.get("/v1/me").status_code == 401
    assert admin.get("/v1/accounts").json()["rows"] == []
