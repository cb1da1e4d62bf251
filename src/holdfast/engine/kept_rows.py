"""Judged rows that are kept from run to run, so that the next one reads only files that are new.

The folder holds what the log holds, and no more may be believed of it than of the sources: each
part is held to its SHA-256, and anything that does not fit (another study, other versions, a file
that was changed or is gone) empties it, so that all is read again. Its ledger is written last and
removed first: a run that is killed leaves none.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from holdfast.engine.buckets import BucketFolder
from holdfast.engine.engines import Facts
from holdfast.io.files import DataFile
from holdfast.storage.safe_files import replace_file, sha256_of
from holdfast.study import Study

FOLDER = ".buckets"
"""Below the project's runs/."""
_LEDGER = "ledger.json"
_GROWN = 2
"""So many times the rows for which buckets were chosen are too many."""

FileFacts = tuple[str, int, int]
"""Label, bytes and the time of the last change (ns) of a file."""


@dataclass(frozen=True)
class Ledger:
    """What lies in the folder.

    Attributes
    ----------
    key
        Of the study, the versions and the SQL that judged the rows.
    files
        Source -> its files that were read, in the order of the numbers that rows name them by.
    judged, rolled
        Source -> bucket -> what was told of its rows; bucket -> what was told of its days.
    decisions
        Source -> what was decided over all its rows.
    """

    key: str = ""
    n_buckets: int = 0
    files: Mapping[str, Sequence[FileFacts]] = field(default_factory=dict)
    judged: Mapping[str, Mapping[int, Facts]] = field(default_factory=dict)
    rolled: Mapping[int, Facts] = field(default_factory=dict)
    decisions: Mapping[str, Any] = field(default_factory=dict)

    def known_files(self, source: str, files: Sequence[DataFile]) -> list[FileFacts]:
        """The files of a source that were read; none where one of them was changed or is gone."""
        there = {facts_of(file) for file in files}
        read = [(label, size, changed) for label, size, changed in self.files.get(source, ())]
        return read if there.issuperset(read) else []

    def buckets_for(self, n_buckets: int) -> int:
        """How many buckets there are, as long as they are not too few."""
        return (
            self.n_buckets if self.n_buckets and n_buckets <= _GROWN * self.n_buckets else n_buckets
        )


def facts_of(file: DataFile) -> FileFacts:
    """What tells a file from another, and from itself once it was changed."""
    status = file.path.stat()
    return file.label, status.st_size, status.st_mtime_ns


def key_of(study: Study, sql: Mapping[str, str], identity: Mapping[str, str]) -> str:
    """What rows were judged by: the study, the SQL of each source, and the versions."""
    named = json.dumps([study.fingerprint, dict(sql), dict(identity)], sort_keys=True)
    return hashlib.sha256(named.encode()).hexdigest()


def kept_folder(study: Study) -> Path:
    """Where the rows of a study are kept."""
    return Path(study.project_dir) / "runs" / FOLDER


def take_ledger(folder: Path) -> Ledger:
    """Read the ledger and remove it; an empty one where there is none that can be understood."""
    try:
        raw = json.loads((folder / _LEDGER).read_text(encoding="utf-8"))
        (folder / _LEDGER).unlink()
        judged = {
            source: {int(bucket): facts for bucket, facts in facts_of_buckets.items()}
            for source, facts_of_buckets in raw.pop("judged").items()
        }
        rolled = {int(bucket): facts for bucket, facts in raw.pop("rolled").items()}
        return Ledger(judged=judged, rolled=rolled, **raw)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Ledger()


def write_ledger(folder: Path, ledger: Ledger) -> None:
    """Write the ledger, once everything else is there."""
    text = json.dumps(asdict(ledger))
    replace_file(folder / _LEDGER, lambda new: new.write_text(text, encoding="utf-8"))


def empty_folder(folder: Path) -> None:
    """Remove all that is kept."""
    shutil.rmtree(folder, ignore_errors=True)


def digests_of(folder: BucketFolder, tables: Sequence[str], bucket: int) -> dict[str, str]:
    """Table -> SHA-256 of a bucket's part of it, of those that have one."""
    parts = {table: folder.part(table, bucket) for table in tables}
    return {table: sha256_of(path) for table, path in parts.items() if path.exists()}
