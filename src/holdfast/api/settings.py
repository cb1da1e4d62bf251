"""What a server is told when it starts; handed to its worker processes through one environment
variable.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "HOLDFAST_SERVE"
MEGABYTE = 2**20


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a server behaves.

    Attributes
    ----------
    project
        The folder of holdfast.toml, runs/ and keys.json.
    loopback
        Bound to this machine only: without any key, whoever can reach it may do everything.
    rate
        Requests a key may make, over all workers together, as "6000/minute".
    body_bytes, stream_bytes
        Largest body; largest NDJSON stream, which is never held as a whole.
    body_seconds, answer_seconds
        How long a body may take to arrive; how long an answer may take.
    """

    project: str
    loopback: bool = True
    rate: str = "6000/minute"
    workers: int = 1
    body_bytes: int = 4 * MEGABYTE
    stream_bytes: int = 256 * MEGABYTE
    body_seconds: float = 10.0
    answer_seconds: float = 60.0
    cors_origins: tuple[str, ...] = ()
    log: bool = True

    @property
    def runs(self) -> Path:
        """The registry's folder."""
        return Path(self.project) / "runs"

    def to_environment(self) -> None:
        """Leave the settings to the processes that this one starts."""
        os.environ[VARIABLE] = json.dumps(asdict(self))

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read what `to_environment` left."""
        raw = json.loads(os.environ[VARIABLE])
        return cls(**{**raw, "cors_origins": tuple(raw["cors_origins"])})
