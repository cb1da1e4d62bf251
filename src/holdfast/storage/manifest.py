"""The manifest: what a run holds, each file by its size and SHA-256.

A run folder may come from anywhere, so its manifest is read as if a stranger had written it: names
can only mean files of a run, below the run's own folder.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from holdfast.errors import DamagedRun
from holdfast.storage.safe_files import open_inside, sha256_of

MANIFEST = "manifest.json"
RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}(-\d{1,9})?", re.ASCII)
FIX = "restore the folder from a copy, or `holdfast runs rollback`"
_AT_MOST_BYTES = 16 * 2**20
_FILES = (
    "customer_segments.csv", "model_card.md", "report.html", "scores.arrow", "segments.json",
    "study.json", "summary.json", "wording.json",
)  # fmt: skip
_IN_FOLDER = re.compile(
    r"(tables|charts|models)(/[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}){1,4}", re.ASCII
)


def _name(name: str) -> str:
    if name not in _FILES and not _IN_FOLDER.fullmatch(name):
        raise ValueError("it names what no run holds")
    return name


def _moment(text: str) -> str:
    datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007 - Z is in the format
    return text


def _day(text: str) -> str:
    date.fromisoformat(text)
    return text


Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class FileFacts(_Strict):
    """Of one file."""

    bytes: int = Field(ge=0)
    sha256: Sha256


class Manifest(_Strict):
    """Everything a manifest may say."""

    run_id: str = Field(pattern=f"^{RUN_ID.pattern}$")
    created_at: Annotated[str, AfterValidator(_moment)]
    study: str = Field(min_length=1, max_length=80)
    kind: Literal["log", "snapshot"] | None = None
    cutoff_date: Annotated[str, AfterValidator(_day)]
    customers: int = Field(ge=0)
    study_sha256: Sha256 | None = None
    data_sha256: Sha256 | None = None
    seed: int | None = None
    versions: dict[str, str] = {}
    seconds: dict[str, Seconds] = {}
    refused: bool = False
    """Whether it was not published because it is certainly worse than the published run."""
    erased: int = Field(0, ge=0)
    """Customers who were taken out since it was made; counts and evidence are those of before."""
    replaces: Sha256 | None = None
    """The manifest of the run that it was made from by taking them out."""
    files: dict[Annotated[str, AfterValidator(_name)], FileFacts]


def parse_manifest(content: bytes) -> dict[str, Any]:
    """Read a manifest's text, and hold it against what a manifest may say.

    Raises
    ------
    ValueError
        It is none; the message says where and why.
    """
    try:
        return Manifest.model_validate_json(content).model_dump(exclude_unset=True)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in detail["loc"])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise ValueError(f"{f'{where!r:.120}: ' if where else ''}{detail['msg']}{more}") from None


def read_manifest(folder: Path) -> tuple[dict[str, Any], str]:
    """Read the manifest of a run's folder.

    Returns
    -------
    tuple
        What it says, and the SHA-256 of its bytes.

    Raises
    ------
    DamagedRun
        There is none, it says what no manifest says, or it is another run's.
    """
    try:
        with open_inside(folder, MANIFEST) as file:
            content = file.read(_AT_MOST_BYTES + 1)
        if len(content) > _AT_MOST_BYTES:
            raise ValueError(f"it is larger than {_AT_MOST_BYTES:,} bytes")
        manifest = parse_manifest(content)
        if manifest["run_id"] != folder.name:
            raise ValueError(f"it is the manifest of run {manifest['run_id']}")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise DamagedRun(
            f"the manifest of run {folder.name} cannot be read: {why}", fix=FIX
        ) from None
    return manifest, hashlib.sha256(content).hexdigest()


def write_manifest(folder: Path, facts: Mapping[str, Any]) -> bytes:
    """Write the manifest of a finished folder: the facts, then size and SHA-256 of each file;
    returns what was written.
    """
    names = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    files = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": sha256_of(folder / name)}
        for name in names
    }
    content = json.dumps({**facts, "files": files}, indent=1, ensure_ascii=False).encode()
    (folder / MANIFEST).write_bytes(content)
    return content
