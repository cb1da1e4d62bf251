"""Export records: what a project knows of every audience and list that it saved or gave away.

The journal has a line of each, and of the lines of one export the last one counts: an export that
never went out is withdrawn by one more line. Of what was given away, `exports/` holds both arms.
"""

from pathlib import Path
from typing import Any

from holdfast.storage import jsonl

JOURNAL, FOLDER = "exports.jsonl", "exports"
SAVED = "saved"
WITHDRAWN = "withdrawn_at"
Entry = dict[str, Any]


def read_journal(project: Path) -> list[Entry]:
    """Every audience or list that was saved or given away, the latest first."""
    by_id = {entry["export_id"]: entry for entry in jsonl.entries(project / JOURNAL)}
    return list(by_id.values())[::-1]


def read_exports(project: Path) -> list[Entry]:
    """Every export so far, withdrawn ones too, the latest first."""
    return [entry for entry in read_journal(project) if entry["how"] != SAVED]


def sent_exports(project: Path) -> list[Entry]:
    """Every export that was not withdrawn, the latest first."""
    return [entry for entry in read_exports(project) if WITHDRAWN not in entry]


def campaign_of(entry: Entry) -> str:
    """The campaign of an export; older lines name it by their rule, or not at all."""
    name = entry.get("campaign") or entry.get("rule", {}).get("name")
    return str(name or entry["export_id"])


def treatments_file(project: Path, export_id: str) -> Path:
    """Where both arms of an export are; of a push that nobody accepted there is no such file."""
    return project / FOLDER / f"{export_id}.parquet"
