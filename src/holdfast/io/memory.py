"""How much memory there is: what the container allows, or else what the machine has left."""

import os
from collections.abc import Iterator
from pathlib import Path

_LEAST_BYTES = 256 << 20
"""Below it nothing can be computed: what is left is not trusted then."""
_UNKNOWN_BYTES = 4 << 30


def write_size(n_bytes: float) -> str:
    """Write bytes as people do.

    >>> write_size(2e9), write_size(6.1e8)
    ('2.0 GB', '610 MB')
    """
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"


def available_bytes(root: Path = Path("/")) -> int:
    """Memory that may still be used.

    The least of what the process's control groups leave (versions 2 and 1, caches of files not
    counted as used) and what the system calls available; where nothing says so, half of what the
    machine has.
    """
    left = [*_left_in_groups(root), *_left_on_machine(root)]
    return max(min(left, default=_half_of_machine()), _LEAST_BYTES)


def _left_on_machine(root: Path) -> Iterator[int]:
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024


def _half_of_machine() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN_BYTES


def _left_in_groups(root: Path) -> Iterator[int]:
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if not controllers:
            names = ("memory.max", "memory.current", "inactive_file")
            mount = root / "sys/fs/cgroup"
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            mount = root / "sys/fs/cgroup/memory"
        else:
            continue
        inner = mount / path.strip("/")
        # A container may see its own group as the root of the mount.
        for folder in {mount, inner, *inner.parents} - set(mount.parents):
            yield from _left_in_group(folder, *names)


def _left_in_group(folder: Path, limit: str, usage: str, cache: str) -> Iterator[int]:
    limits, used = _lines(folder / limit), _lines(folder / usage)
    if not limits or not used or not limits[0].isdigit():
        return
    counts = dict(line.split(maxsplit=1) for line in _lines(folder / "memory.stat"))
    yield int(limits[0]) - int(used[0]) + int(counts.get(cache, 0))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
