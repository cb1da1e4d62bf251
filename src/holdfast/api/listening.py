"""A server that says where it serves once it does, and not before."""

import os
import socket
import sys
from pathlib import Path

import uvicorn
from uvicorn.supervisors import Multiprocess


class Announcing(uvicorn.Server):
    """Uvicorn's server, which says a sentence once it listens.

    Parameters
    ----------
    told
        A file that is not there yet, where several workers share a sentence: the first one to
        listen makes it, and speaks for all.
    """

    def __init__(self, config: uvicorn.Config, sentence: str, told: Path | None) -> None:
        super().__init__(config)
        self._sentence, self._told = sentence, told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets=sockets)
        if self.started and self._is_first():
            sys.stderr.write(f"{self._sentence}\n")
            sys.stderr.flush()

    def _is_first(self) -> bool:
        if self._told is None:
            return True
        try:
            os.close(os.open(self._told, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True


def listen(config: uvicorn.Config, *, sentence: str, told: Path | None) -> None:
    """Serve until asked to stop, as `uvicorn.run` does."""
    server = Announcing(config, sentence, told)
    if config.workers > 1:
        Multiprocess(config, target=server.run, sockets=[config.bind_socket()]).run()
        return
    server.run()
    if not server.started:
        sys.exit(3)
