"""SimpleFIN's tokens and Access URLs, and where they may lead (https://www.simplefin.org/protocol.html).

What a person pastes is an address in base64, to which a POST is sent; what comes back is another
address, with a name and a password in it. Either is somebody else's word. So both must lie below
an address that the operator named: a token could else send us anywhere, within our own network too.
"""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote, urlsplit

from penstock.connectors.wire import broken
from penstock.domain.errors import ContractBroken, InvalidInput
from penstock.domain.remedy import ask_person
from penstock.domain.request import Request
from penstock.domain.secret import Secret

HERE: Final = "simplefin:"
"""How requests begin before they are signed: only the Access URL says where they go."""

_LONGEST: Final = 2_048
_OTHER_LETTERS: Final = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class Access:
    """An Access URL taken apart: the address, and what opens it."""

    base: str
    name: Secret
    password: Secret

    def sign(self, request: Request) -> Request:
        """Give a request its address, and the credentials in a header of their own (RFC 7617).

        Raises ContractBroken for one that is meant for anybody else.
        """
        path = request.url.removeprefix(HERE)
        if path == request.url or not path.startswith("/"):
            raise ContractBroken(f"{request!r} leads away from the bridge: it was not sent.")
        both = f"{self.name.reveal()}:{self.password.reveal()}".encode()
        header = {"Authorization": f"Basic {b64encode(both).decode()}"}
        return replace(request, url=self.base + path, headers={**request.headers, **header})


def claim_address(pasted: Secret, bridges: Sequence[str]) -> str:
    """Return where a pasted token is claimed. Raises InvalidInput, before anything is sent."""
    text = pasted.reveal().translate(_OTHER_LETTERS).rstrip("=")
    try:
        address = b64decode(text + "=" * (-len(text) % 4), validate=True).decode("ascii").strip()
    except (NotBase64, ValueError):
        address = ""
    if not address.startswith(("https://", "http://")):
        raise InvalidInput(
            "That is no SimpleFIN setup token.",
            remedy=ask_person("Copy it whole from the bridge: one long word of letters."),
        )
    if not is_below(address, bridges):
        raise InvalidInput(
            "This token leads to another place than the bridge: it was not used.",
            remedy=ask_person(
                "Only tokens of the bridges that PENSTOCK_SIMPLEFIN_URL names are taken. If "
                "somebody else gave you this one, do not trust it."
            ),
        )
    return address


def read_access(text: str, bridges: Sequence[str]) -> Access:
    """Take an Access URL apart. Raises ContractBroken, and says nothing of what stands in it."""
    try:
        parts = urlsplit(text)
        name, password = parts.username, parts.password
    except ValueError:
        raise broken("Access URL", "it is no address") from None
    if not name or not password or len(text) > _LONGEST or not text.isascii():
        raise broken("Access URL", "it has no name and password in it")
    here = parts.netloc.rpartition("@")[2].lower()
    base = f"{parts.scheme}://{here}{parts.path}".rstrip("/")
    if not is_below(base, bridges) or parts.query or parts.fragment:
        raise broken("Access URL", "it leads to another place than the bridge")
    return Access(base, Secret(unquote(name)), Secret(unquote(password)))


def is_below(address: str, bridges: Sequence[str]) -> bool:
    """Tell whether an address is at one of the bridges, or below it, and nowhere else."""
    plain = address.isascii() and address.isprintable() and len(address) <= _LONGEST
    if not plain or any(letter in address for letter in ' \\?#@<>"'):
        return False
    if any(step in {".", ".."} for step in unquote(address).split("/")):
        return False
    return any(address == bridge or address.startswith(f"{bridge}/") for bridge in bridges)
