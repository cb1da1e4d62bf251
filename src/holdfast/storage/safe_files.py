"""Files that are never seen half written: replaced in one step, locked, and opened only where no
link leads away.
"""

import errno
import fcntl
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from holdfast.errors import HoldfastError, system_error

if TYPE_CHECKING:
    import polars as pl

_MUCH = 2**20
"""Bytes: more than is left on a disk that had no room for the end of a file."""
_NOT_PLAIN = "it is no plain file, or lies behind a link"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def open_inside(folder: Path, name: str) -> BufferedReader:
    """Open a plain file below a folder, whoever made the folder.

    Neither the folder nor anything below it may be a link, and nothing but a plain file is opened:
    a link could lead anywhere, a pipe would wait, and a device would never end.

    Parameters
    ----------
    name
        Relative, its parts joined by "/".

    Raises
    ------
    OSError
        It cannot be opened; `strerror` says why.
    """
    plain = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    *parents, last = name.split("/")
    try:
        with ExitStack() as opened:
            place = os.open(folder, plain | os.O_DIRECTORY)
            opened.callback(os.close, place)
            for parent in parents:
                place = os.open(parent, plain | os.O_DIRECTORY, dir_fd=place)
                opened.callback(os.close, place)
            # A pipe without a writer would otherwise be waited for here.
            descriptor = os.open(last, plain | os.O_NONBLOCK, dir_fd=place)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
            error.strerror = _NOT_PLAIN
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, _NOT_PLAIN, name)
    return open(descriptor, "rb")  # noqa: PTH123 - a descriptor


def replace_file(path: Path, write: Callable[[Path], object], *, durable: bool = True) -> None:
    """Let `write` make a new file, which gets its name in one step; nobody else may read it.

    Parameters
    ----------
    durable
        Whether the disk must have it before.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    os.close(descriptor)
    new = Path(name)
    try:
        write(new)
        if durable:
            sync(new)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    if durable:
        sync(path.parent)


def write_parquet(table: "pl.DataFrame", path: Path) -> None:
    """Write a table as Parquet.

    Raises
    ------
    OSError
        The disk refuses it.
    """
    from polars.exceptions import ComputeError

    try:
        table.write_parquet(path, compression="zstd", statistics=True)
    except ComputeError as error:
        if not re.search("transport error|os error", str(error)):
            raise
        # Polars may keep to itself what the disk said; so it is asked again.
        with path.open("ab") as file:
            file.write(bytes(_MUCH))
        raise OSError(errno.EIO, os.strerror(errno.EIO), path) from None


def remove_leftovers(path: Path) -> None:
    """Remove what processes left that were killed while they replaced a file. Only for who holds
    the lock under which it is replaced.
    """
    for new in path.parent.glob(f".{path.name}-*"):
        new.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def os_errors_as(kind: type[HoldfastError], problem: str, *, fix: str) -> Iterator[None]:
    """Say what the system refuses: that of the machine as everywhere, else `problem` and why.

    Raises
    ------
    HoldfastError
        Of that kind, or a MachineError.
    """
    try:
        yield
    except OSError as error:
        raise system_error(error) or kind(
            f"{problem}: {error.strerror or error}", fix=fix
        ) from None


@contextmanager
def hold(path: Path, *, wait: bool = True) -> Iterator[TextIO]:
    """Hold a lock file: one process and one thread at a time. The kernel drops it with the
    process, so a kill leaves nothing to clear by hand.

    Raises
    ------
    BlockingIOError
        Another holds it and `wait` is false.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with open(descriptor, "a+", encoding="utf-8") as handle:  # noqa: PTH123 - a descriptor
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield handle
