"""A request for a person's data, from its token to its answer, or to the fault that strikes it."""

from aiohttp import web

from penstock.sandbox.faces.answers import (
    BANK,
    Refusal,
    Reply,
    admitted,
    delay,
    json_bytes,
    refuse,
    refuse_unasked,
)
from penstock.sandbox.faces.spoil import spoiled


async def resource(request: web.Request, reply: Reply) -> web.StreamResponse:
    """Answer: token, consent, latency, faults, and then the data."""
    bank = request.app[BANK]
    bank.counters[f"requests:{reply.place}"] += 1
    await delay(bank)
    try:
        if reply.admit is None:
            grant = admitted(bank, request, reply.scheme)
        else:
            grant = reply.admit(bank, request)
        refuse_unasked(grant, reply.scope)
        grant.requests += 1
        fault = bank.next_fault(reply.place, grant)
        if fault is not None:
            return await spoiled(request, fault, reply, grant)
        body = reply.answer(grant)
    except Refusal as refusal:
        bank.counters[f"refused:{refusal.code}"] += 1
        return refuse(refusal, reply)
    return json_bytes(body, headers=reply.headers(bank, grant))
