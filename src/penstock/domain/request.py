"""What is asked of a provider, and what comes back: plain values, sent by whoever does so."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask. `authorized` requests carry the connection's credentials (`Connector.sign`).

    `account` and `endpoint` say whose budget it spends of, where the provider counts by them: the
    provider's id of the account, and a word for the endpoint. `takes` are statuses that answer it
    although they are no success: whoever asked is given them, whatever else they mean.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    authorized: bool = True
    account: str = ""
    endpoint: str = ""
    takes: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"Request({self.method} {self.url.partition('?')[0]})"


@dataclass(frozen=True, slots=True)
class Response:
    """What came back, whole. Header names are in lower case.

    `proven` is false where the end of the body is only that of the connection, which may as well
    have broken (RFC 9112 §8).
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = ""
    proven: bool = True

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"
