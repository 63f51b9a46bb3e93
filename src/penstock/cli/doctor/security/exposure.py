"""What the settings open to others: L4, L7, L8, T5, C1, K3, W1, X2."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from penstock.cli.doctor.security.around import is_exposed, is_strict
from penstock.cli.doctor.security.finding import Finding, attention, failed, named, ok
from penstock.cli.door import is_loopback
from penstock.settings import Settings

_WIDEST: Final = {4: 8, 6: 32}
_SHORTEST_TOKEN: Final = 16
_TELLS_ALL: Final = frozenset({"DEBUG", "NOTSET", "TRACE"})


def proxies(settings: Settings) -> Iterator[Finding]:
    """L4: the address that is counted is the person's, and nobody can make theirs up."""
    if not settings.trusted_proxies:
        if settings.public_url is None:
            yield ok("no proxy is believed: whoever connects is who is counted")
            return
        remedy = "Name your proxy's address in PENSTOCK_TRUSTED_PROXIES."
        yield attention("everybody seems to come from your proxy, and waits for each other", remedy)
        return
    for word in settings.trusted_proxies:
        network = _network(word)
        if network is None:
            remedy = "Name proxies by address or network, such as 10.0.0.2 or 10.0.0.0/24."
            yield failed(f"PENSTOCK_TRUSTED_PROXIES: {word} is no address", remedy)
        elif network.prefixlen < _WIDEST[network.version]:
            remedy = "Name the proxy's own address: any of these may say that it is somebody else."
            yield failed(f"{network} is believed to be your proxies", remedy)
        else:
            yield ok(f"{network} is believed about whom it speaks for")


def passkeys(settings: Settings) -> Iterator[Finding]:
    """L7: a browser makes passkeys for a name by HTTPS, and for this machine."""
    if settings.public_url is None:
        yield ok("passkeys are for this machine only: no public address is set")
        return
    host = settings.public_url.host or ""
    if settings.public_url.scheme == "https" and not _is_address(host):
        yield ok(f"passkeys are made for {host}, and are good nowhere else")
    elif host == "localhost":
        yield ok("passkeys are made for localhost")
    else:
        remedy = "Give the server a name, and HTTPS, in PENSTOCK_PUBLIC_URL."
        yield attention(f"browsers make no passkey for {settings.public_url}", remedy)


def password_grant(settings: Settings) -> Iterator[Finding]:
    """L8: the grant that RFC 9700 rules out is off where strangers can reach it."""
    if not settings.password_grant:
        yield ok("the password grant is off")
    elif is_strict(settings) and is_exposed(settings):
        remedy = "Set PENSTOCK_PASSWORD_GRANT=false, unless a script of your own needs it."
        yield attention("the password grant is on (decision 0006)", remedy)
    else:
        yield ok("the password grant is on, for programs of this server's own alone")


def metrics(settings: Settings) -> Iterator[Finding]:
    """T5: what is counted is for the operator, not for everybody."""
    token = settings.metrics_token.get_secret_value() if settings.metrics_token else None
    if token is None:
        yield ok("/metrics answers this machine only")
    elif len(token) < _SHORTEST_TOKEN:
        remedy = "Make a longer PENSTOCK_METRICS_TOKEN: `openssl rand -hex 16`."
        yield attention(f"the token of /metrics has {len(token)} characters", remedy)
    else:
        yield ok("/metrics asks for the operator's token")


def redirects(settings: Settings) -> Iterator[Finding]:
    """C1: who is sent back with a code in the address is sent by HTTPS, or stays on their machine.

    A scheme of a program's own stays on the machine as well (RFC 8252 §7.1).
    """
    open_ones = [uri for uri in settings.redirect_uris if is_in_clear(uri)]
    if open_ones:
        remedy = "Write https in PENSTOCK_REDIRECT_URIS: others on the way read a plain address."
        yield attention(f"codes travel in the clear to {named(open_ones)}", remedy)
    else:
        yield ok("no address of PENSTOCK_REDIRECT_URIS is in the clear")


def logging(settings: Settings) -> Iterator[Finding]:
    """K3: no more is logged than is needed, and none of it leaves in the clear."""
    if settings.log_level.upper() in _TELLS_ALL and is_strict(settings):
        remedy = "Set PENSTOCK_LOG_LEVEL=INFO again when you are done."
        yield attention(f"the log tells all ({settings.log_level})", remedy)
    else:
        yield ok(f"the log level is {settings.log_level}; secrets are masked at any")
    sent_to = settings.otlp_endpoint
    if sent_to is not None and sent_to.scheme == "http" and not is_loopback(sent_to.host or ""):
        remedy = "Use https in PENSTOCK_OTLP_ENDPOINT, or a collector on this machine."
        yield attention(f"traces leave in the clear, to {sent_to.host}", remedy)


def listening(settings: Settings) -> Iterator[Finding]:
    """W1: no password and no cookie crosses a network in the clear."""
    url = settings.public_url
    if url is not None and url.scheme != "https" and not is_loopback(url.host or ""):
        remedy = "Put a proxy with HTTPS before it, and write https in PENSTOCK_PUBLIC_URL."
        yield failed(f"people reach it in the clear, at {url}", remedy)
    elif not is_loopback(settings.host) and (url is None or not settings.trusted_proxies):
        remedy = "Listen on 127.0.0.1, behind a proxy that speaks HTTPS (docs/how-to/serve.md)."
        yield failed(f"it listens on {settings.host} in plain HTTP, with no proxy named", remedy)
    elif url is None:
        yield ok("it listens on this machine only")
    else:
        yield ok(f"people reach it at {url}")


def own_network(settings: Settings) -> Iterator[Finding]:
    """X2: the server asks addresses of this machine only where that was meant."""
    inside = [*settings.loopback_providers]
    options = (option.get_secret_value() for option in settings.provider_options.values())
    inside += [urlsplit(text).hostname or "" for text in options if text.startswith("http://")]
    if inside and is_strict(settings):
        remedy = "Take them out (PENSTOCK_LOOPBACK_PROVIDERS, …_URL), unless they are yours."
        yield attention(f"in production these may be asked in the clear: {named(inside)}", remedy)
    elif is_exposed(settings) and not is_strict(settings):
        remedy = "Set PENSTOCK_PROFILE=production: then the sandbox bank is never asked."
        yield attention(f"others can reach it, and the profile is {settings.profile}", remedy)
    else:
        yield ok("no address of this machine or network is asked but those you named")


def _network(word: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(word, strict=False)
    except ValueError:
        return None


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def is_in_clear(uri: str) -> bool:
    """Say whether what is sent to an address crosses a network as plain HTTP."""
    parts = urlsplit(uri)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")
