"""A NATS of the benchmark's own, which can be killed and started again, and messages for it."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Nats:
    """A server with JetStream; what it was given lies in a folder."""

    def __init__(self, program: str, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._command = [
            program,
            "-a",
            "127.0.0.1",
            "-p",
            f"{self.port}",
            "-js",
            "-sd",
            f"{folder}",
        ]
        self._start()

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def restart(self) -> None:
        """Kill it, and start it again."""
        self.kill()
        self._start()

    def kill(self) -> None:
        self._server.kill()
        self._server.wait()

    def publish(self, topic: str, bodies: Iterable[bytes]) -> None:
        """Make a stream and write messages into its only partition."""
        asyncio.run(self._publish(topic, bodies))

    async def _publish(self, topic: str, bodies: Iterable[bytes]) -> None:
        import nats

        client = await nats.connect(self.url)
        broker = client.jetstream()
        await broker.add_stream(name=topic, subjects=[f"{topic}.*"])
        for body in bodies:
            await broker.publish(f"{topic}.0", body)
        await client.close()

    def _start(self) -> None:
        self._server = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)


@contextmanager
def private_nats(folder: Path) -> Iterator[Nats]:
    """Start a server, and kill it afterwards.

    Raises
    ------
    SystemExit
        There is no nats-server on this machine.
    """
    program = shutil.which("nats-server")
    if program is None:
        raise SystemExit("this section of bench.stream needs nats-server")
    server = Nats(program, folder)
    try:
        yield server
    finally:
        server.kill()
