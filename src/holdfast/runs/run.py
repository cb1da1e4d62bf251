"""Run: everything, from the source to a published run."""

import hashlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import holdfast
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Listener, Silence, Steps
from holdfast.report.report_data import Report
from holdfast.runs.run_history import change_champion, runs_published_before
from holdfast.runs.score_changes import champion_before
from holdfast.runs.train_and_score import Outcome, train_and_score
from holdfast.serving.load import load_in_child, mark_loaded
from holdfast.storage.runs import Registry, Run
from holdfast.storage.safe_files import write_parquet
from holdfast.study import Study

LIBRARIES = ("duckdb", "polars", "numpy", "scikit-learn", "lightgbm", "narwhals", "pyarrow")


class Workplace(NamedTuple):
    """Where a run is made: a warehouse, an empty folder for what is not kept, and the folder that
    becomes the run's.
    """

    warehouse: Warehouse
    scratch: Path
    folder: Path


Make = Callable[[Study, Workplace, Steps, Sequence[Run]], Outcome]


def make_in_one_warehouse(
    study: Study, place: Workplace, steps: Steps, published: Sequence[Run]
) -> Outcome:
    """Make a run with all customers in one warehouse."""
    return train_and_score(study, place.warehouse, steps, published=published)


def write_tables(folder: Path, outcome: Outcome) -> None:
    """Write the tables, the scores once more for memory mapping, the models' parts and the segment
    rule.
    """
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    for name, table in outcome.tables.items():
        write_parquet(table, folder / "tables" / f"{name}.parquet")
    if "scores" in outcome.tables:
        outcome.tables["scores"].write_ipc(folder / "scores.arrow", compression="uncompressed")
    for name, content in outcome.parts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def write_papers(folder: Path, study: Study, outcome: Outcome, summary: Mapping[str, Any]) -> None:
    """Write what people read: the report, the model card, the list of customers, the charts; and
    the study.
    """
    from holdfast.report.charts import drawings
    from holdfast.report.exports.customer_rows import write_customer_segments
    from holdfast.report.pages import model_card, report_page

    names = [field.name for field in fields(Report)]
    tables = {**outcome.tables, **outcome.shown}
    shown = {name: tables[name] for name in names if name in tables}
    days = outcome.worst_days
    report = Report(study=study, summary=summary, versions=versions(), worst_days=days, **shown)
    drawn = list(drawings(report))
    (folder / "report.html").write_text(report_page(report, drawn), encoding="utf-8")
    (folder / "model_card.md").write_text(model_card(report), encoding="utf-8")
    (folder / "charts").mkdir()
    for drawing in drawn:
        (folder / "charts" / f"{drawing.name}.png").write_bytes(drawing.png())
    if "scores" in outcome.tables:
        with (folder / "customer_segments.csv").open("wb") as out:
            write_customer_segments(outcome.tables["scores"], out, knows_value=report.knows_value)
    write_json(folder / "study.json", study.model_dump(mode="json"))
    write_json(folder / "summary.json", summary)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write one JSON object; NaN is refused rather than written."""
    path.write_text(
        json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1), encoding="utf-8"
    )


def facts(study: Study, outcome: Outcome, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest holds besides the run's id and files."""
    return {
        "created_at": summary["created_at"], "study": study.name, "kind": summary["study"]["kind"],
        "cutoff_date": summary["cutoff_date"], "customers": summary["customers"],
        "study_sha256": study.fingerprint, "data_sha256": outcome.data_fingerprint,
        "seed": study.seed, "versions": versions(), "seconds": summary["seconds"],
        **({"refused": True} if summary.get("challenger", {}).get("refused") else {}),
    }  # fmt: skip


def is_refused(run: Run) -> bool:
    """Whether the run was made, and not published because it is worse than the published one."""
    return bool(run.manifest.get("refused"))


def versions() -> dict[str, str]:
    """What computed the run."""
    ours = {"holdfast": holdfast.__version__, "python": platform.python_version()}
    return ours | {name: version(name) for name in LIBRARIES}


def run(
    study: Study,
    *,
    listener: Listener | None = None,
    promote: bool = True,
    make: Make = make_in_one_warehouse,
) -> Run:
    """Ingest, learn, prove, score, explain, segment, simulate, report and publish.

    Parameters
    ----------
    listener
        Told of each step.
    promote
        Publish the new run, unless it is certainly worse than the published one and the study's
        monitor.challenger is "refuse".
    make
        Makes what is to be published.

    Returns
    -------
    Run
        The new run, below `study.project_dir`/runs.

    Raises
    ------
    HoldfastError
        Whatever is wrong, with what to do; nothing is published then.
    """
    steps = Steps(listener or Silence())
    created_at = datetime.now(UTC)
    notes: list[str] = []
    registry = Registry(Path(study.project_dir) / "runs", tell=notes.append)
    with registry.staging() as staging:
        scratch, folder = staging / "scratch", staging / "run"
        scratch.mkdir()
        with Warehouse(scratch) as warehouse:
            before = champion_before(registry)
            published = [before, *runs_published_before(registry, before)] if before else []
            outcome = make(study, Workplace(warehouse, scratch, folder), steps, published)
        run_id = f"{created_at:%Y%m%dT%H%M%SZ}-{_short(study, outcome)}"
        summary = {
            "run_id": run_id,
            "created_at": f"{created_at:%Y-%m-%dT%H:%M:%SZ}",
            **outcome.summary,
        }
        with steps("Write tables and models"):
            write_tables(folder, outcome)
        with ThreadPoolExecutor(1) as beside:
            loaded = beside.submit(load_in_child, folder)
            with steps("Report") as step:
                summary["seconds"] = dict(steps.seconds)
                write_papers(folder, study, outcome, summary)
                step.detail = "report.html, model card, charts, customer_segments.csv"
        with steps("Publish") as step:
            loaded.result()
            new = registry.publish(folder, run_id=run_id, facts=facts(study, outcome, summary))
            mark_loaded(new)
            if promote and not is_refused(new):
                change_champion(registry, new.run_id)
            kept = ["not published: worse than the published run"] if is_refused(new) else []
            step.detail = "; ".join([new.run_id, *kept, *notes])
    return new


def _short(study: Study, outcome: Outcome) -> str:
    """Name study and data in eight digits."""
    return hashlib.sha256(f"{study.fingerprint}{outcome.data_fingerprint}".encode()).hexdigest()[:8]
