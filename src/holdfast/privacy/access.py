"""Access: everything that a project holds about one customer, for who has a right to see it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.errors import InputError
from holdfast.privacy.personal_data import ID, People
from holdfast.serving.load import load_study
from holdfast.storage import audit_log
from holdfast.storage.export_records import campaign_of, read_journal, treatments_file
from holdfast.storage.pseudonyms import Pseudonyms
from holdfast.storage.runs import Registry, Run
from holdfast.stream.state.personal import read_all, stream_of
from holdfast.study import Study
from holdfast.tables import json_rows


def collect(
    study: Study, customer_id: str, *, registry: Registry, run_ids: Sequence[str] = ()
) -> dict[str, Any]:
    """Everything held about a customer, as plain values for one JSON document.

    Parameters
    ----------
    run_ids
        Runs to look into; without them, every published one.

    Returns
    -------
    dict
        `customer_id`, `known_as` (the id and its pseudonym), `erased` (whether the customer is kept
        out), `runs` (of each: its id and cutoff; `tables`, name -> rows; `quarantine`; `sentences`
        that name the customer), `exports` (audiences the customer was in), `stream` (table -> rows
        of its state), `audit_log` (lines about the customer).

    Raises
    ------
    InputError
        Nothing is held.
    """
    project = registry.folder.parent
    pseudonyms = Pseudonyms.of(study, make_key=True)
    names = pseudonyms.names(customer_id)
    opened = (registry.open(run_id) for run_id in run_ids or registry.run_ids())
    runs = [facts for run in opened if (facts := _of_run(run, names))]
    digest = pseudonyms.digest(customer_id)
    held = {
        "customer_id": customer_id,
        "known_as": names,
        "erased": digest in pseudonyms.erased,
        "runs": runs,
        "exports": list(_of_exports(project, People.of(names, study))),
        "stream": _of_stream(study, People.of(names, study)),
        "audit_log": [
            entry
            for entry in audit_log.entries(project)
            if digest[:16] in entry.get("customers", [])
        ],
    }
    if not any(held[name] for name in ("runs", "exports", "stream", "audit_log", "erased")):
        raise InputError(
            f"nothing is held about customer {customer_id!r}",
            fix="check the id: it is written as in the source, without blanks around it",
        )
    return held


def _of_stream(study: Study, people: People) -> dict[str, list[dict[str, Any]]]:
    with stream_of(study) as stream:
        return read_all(stream, people) if stream else {}


def _of_run(run: Run, names: Sequence[str]) -> dict[str, Any] | None:
    people = People.of(names, load_study(run))
    tables = dict(_tables(run, people))
    sentences = [text for text in _sentences(run.summary) if people.strip_text(text)[1]]
    if not (tables or sentences):
        return None
    return {
        "run_id": run.run_id, "created_at": run.manifest["created_at"],
        "cutoff_date": run.manifest["cutoff_date"], "quarantine": tables.pop("quarantine", []),
        "tables": tables, "sentences": sentences,
    }  # fmt: skip


def _tables(run: Run, people: People) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for name in run.table_names:
        table = run.table(name)
        about = table.filter(people.rows_about(table).fill_null(False))
        if about.height:
            yield name, json_rows(_with_dates(about))


def _with_dates(table: pl.DataFrame) -> pl.DataFrame:
    """Days as dates, beside the numbers that the tables hold."""
    days = [name for name in ("day", "cutoff_day") if name in table.columns]
    return table.with_columns(
        pl.from_epoch(name, "d").dt.to_string("%Y-%m-%d").alias(name.replace("day", "date"))
        for name in days
    )


def _sentences(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _sentences(each)


def _of_exports(project: Path, people: People) -> Iterator[dict[str, Any]]:
    for entry in read_journal(project):
        path = treatments_file(project, entry["export_id"])
        table = pl.read_parquet(path) if path.is_file() else pl.DataFrame({ID: []})
        about = table.filter(people.rows_about(table).fill_null(False))
        named = people.names.intersection(entry.get("rule", {}).get("excluded", ()))
        if about.height or named:
            yield {
                **{name: entry[name] for name in ("export_id", "at", "how", "run_id")},
                "campaign": campaign_of(entry),
                "excluded_by_rule": bool(named),
                "treatments": json_rows(about),
            }
