"""Reads a login with MX's own client, and prints what it decoded; run by `tests/own_clients.py`.

python mx_client.py URL CLIENT_ID API_KEY USER MEMBER
"""

import json
import sys
from importlib import import_module
from typing import Any


def read(url: str, client_id: str, api_key: str, user: str, member: str) -> dict[str, Any]:
    """Return a little of each answer, as the client understood it."""
    mx: Any = import_module("mx_platform_python")
    keys = mx.Configuration(host=url, username=client_id, password=api_key)
    with mx.ApiClient(keys) as client:
        members = mx.MembersApi(client)
        begun = members.aggregate_member(member_guid=member, user_guid=user)
        looked = [members.read_member_status(member, user).member for _ in range(2)]
        accounts = mx.AccountsApi(client).list_member_accounts(user, member)
        told = mx.TransactionsApi(client).list_transactions_by_member(
            member, user, records_per_page=100, from_date="2000-01-01"
        )
        found = mx.InstitutionsApi(client).list_institutions(name="sandbox")
        listed = members.list_members(user)
    return {
        "began": begun.member.is_being_aggregated,
        "looked": [[one.connection_status, one.is_being_aggregated] for one in looked],
        "accounts": [one.name for one in accounts.accounts],
        "pages": told.pagination.total_pages,
        "rows": {one.guid: [one.amount, one.type, one.status] for one in told.transactions},
        "institutions": [one.code for one in found.institutions],
        "members": [one.guid for one in listed.members],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(read(*sys.argv[1:])))
