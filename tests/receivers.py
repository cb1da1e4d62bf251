"""Real receivers of what leaves: a mail server and a web server, on this machine."""

import socket
import socketserver
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any


class Web(BaseHTTPRequestHandler):
    """Keeps what it is sent; answers 500 at /broken, at /flaky the first two times, and never at
    /silent.
    """

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        got: list[Any] = self.server.got  # type: ignore[attr-defined]
        got.append((self.path, body, self.headers.get("Idempotency-Key")))
        if self.path.startswith("/silent"):
            time.sleep(2)
        flaky = self.path == "/flaky" and len(got) < 3
        self.send_response(500 if self.path == "/broken" or flaky else 200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def web_server() -> Iterator[Any]:
    """A server whose `got` is what it was sent, and whose `at(path)` is an address of it."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.got, server.daemon_threads = [], True
    server.at = lambda path: f"http://127.0.0.1:{server.server_port}{path}"
    with _serving(server):
        yield server


class Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs; refuses a reader whose name is `nobody`, and every login
    with the password in its answer.
    """

    def handle(self) -> None:
        server: Any = self.server
        if server.context is not None and not server.later:
            self._encrypt(server.context)
        self._say("220 mail")
        while line := self.rfile.readline():
            word = line.decode().strip().upper()
            if word == "DATA":
                self._say("354 go on")
                server.got.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                self._say("250 kept")
            elif word == "QUIT":
                self._say("221 bye")
                return
            elif word == "STARTTLS":
                self._say("220 go on")
                self._encrypt(server.context)
            elif word.startswith("EHLO"):
                self._say("250-mail\r\n250-AUTH PLAIN\r\n250 " + "STARTTLS" * server.later)
            elif word.startswith("AUTH"):
                self._say(f"535 no such user: {line.decode().split()[-1]} pa%ss")
            else:
                self._say("550 unknown\x1b[2J" if "TO:<NOBODY@" in word else "250 fine")

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def _encrypt(self, context: ssl.SSLContext) -> None:
        self.connection = context.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class _Mails(socketserver.ThreadingTCPServer):
    daemon_threads, allow_reuse_address = True, True

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is no news."""


@contextmanager
def mail_server(certificate: Path | None = None, *, later: bool = False) -> Iterator[Any]:
    """A server whose `got` is the mails it was sent; encrypted by a certificate (with its key),
    from the start or, later, once it is asked to.
    """
    server: Any = _Mails(("127.0.0.1", 0), Mail)
    server.got, server.context, server.port = [], None, server.server_address[1]
    server.later = later
    if certificate is not None:
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.context.load_cert_chain(certificate)
    with _serving(server):
        yield server


@contextmanager
def silent_server() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


@contextmanager
def _serving(server: Any) -> Iterator[None]:
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
