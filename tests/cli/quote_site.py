"""A site with prices on a port of this machine, for commands that ask for some."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.quotes.own_source import ACME, PAGE

NOBODY = "127.0.0.1:1"
"""A host at which nobody listens."""


@dataclass
class Site:
    """The source's site on a port of this machine, its page about SAP, and what it was asked."""

    asked: list[str] = field(default_factory=list)
    port: int = 0
    page: str = PAGE

    @property
    def given(self) -> dict[str, str]:
        """The settings with which it is a source."""
        hosts = f"127.0.0.1:{self.port},{NOBODY}"
        return {"PENSTOCK_QUOTE_SOURCES": "acme", "PENSTOCK_LOOPBACK_PROVIDERS": hosts}

    @property
    def declared(self) -> str:
        """The declaration of the source."""
        return self.declared_at(f"127.0.0.1:{self.port}")

    def declared_at(self, host: str) -> str:
        """Return the declaration of such a source at a host."""
        here = ACME.replace("https://quotes.example.com", f"http://{host}")
        here = here.replace('"quotes.example.com"', f'"{host}"')
        here = here.replace('tier = "scrape"', 'tier = "unofficial"')
        return here.replace("interval = 2.0", "interval = 0.0")


@contextmanager
def opened() -> Iterator[Site]:
    """Open the site."""
    here = Site()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here.asked.append(self.path)
            found = self.path == "/SAP"
            body = here.page.encode() if found else b""
            self.send_response(200 if found else 404)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    here.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield here
    server.shutdown()
    thread.join()
    server.server_close()
