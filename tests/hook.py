"""A webhook of this machine that takes whatever it is told, and keeps it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class _Hook(BaseHTTPRequestHandler):
    heard: list[Any]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.heard.append(body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        pass


@contextmanager
def listening(heard: list[Any]) -> Iterator[int]:
    """Listen on a free port, which is yielded; what is told goes into `heard`."""
    hook = HTTPServer(("127.0.0.1", 0), type("Listening", (_Hook,), {"heard": heard}))
    thread = threading.Thread(target=hook.serve_forever)
    thread.start()
    try:
        yield hook.server_address[1]
    finally:
        hook.shutdown()
        thread.join()
        hook.server_close()
