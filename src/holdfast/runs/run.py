"""Run: everything, from the source to a published run."""

import hashlib
import json
import platform
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import holdfast
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Listener, Silence, Steps
from holdfast.report.report_data import Report
from holdfast.runs.run_history import change_champion
from holdfast.runs.score_changes import champion_before
from holdfast.runs.train_and_score import Outcome, train_and_score
from holdfast.serving.load import load_in_child, mark_loaded
from holdfast.storage.runs import Registry, Run
from holdfast.storage.safe_files import write_parquet
from holdfast.study import Study

LIBRARIES = ("duckdb", "polars", "numpy", "scikit-learn", "lightgbm", "narwhals", "pyarrow")


def write_tables(folder: Path, outcome: Outcome) -> None:
    """Write the tables, the scores once more for memory mapping, the models' parts and the segment
    rule.
    """
    (folder / "tables").mkdir(parents=True)
    for name, table in outcome.tables.items():
        write_parquet(table, folder / "tables" / f"{name}.parquet")
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
    from holdfast.report.exports import write_customer_segments
    from holdfast.report.pages import model_card, report_page

    names = [field.name for field in fields(Report)]
    shown = {name: outcome.tables[name] for name in names if name in outcome.tables}
    report = Report(study=study, summary=summary, versions=versions(), **shown)
    drawn = list(drawings(report))
    (folder / "report.html").write_text(report_page(report, drawn), encoding="utf-8")
    (folder / "model_card.md").write_text(model_card(report), encoding="utf-8")
    (folder / "charts").mkdir()
    for drawing in drawn:
        (folder / "charts" / f"{drawing.name}.png").write_bytes(drawing.png())
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
    }  # fmt: skip


def versions() -> dict[str, str]:
    """What computed the run."""
    ours = {"holdfast": holdfast.__version__, "python": platform.python_version()}
    return ours | {name: version(name) for name in LIBRARIES}


def run(study: Study, *, listener: Listener | None = None, promote: bool = True) -> Run:
    """Ingest, learn, prove, score, explain, segment, simulate, report and publish.

    Parameters
    ----------
    listener
        Told of each step.
    promote
        Publish the new run.

    Returns
    -------
    Run
        The published run, below `study.project_dir`/runs.

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
        scratch = staging / "scratch"
        scratch.mkdir()
        with Warehouse(scratch) as warehouse:
            before = champion_before(registry)
            outcome = train_and_score(study, warehouse, steps, before=before)
        folder = staging / "run"
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
            published = registry.publish(
                folder, run_id=run_id, facts=facts(study, outcome, summary)
            )
            mark_loaded(published)
            if promote:
                change_champion(registry, published.run_id)
            step.detail = "; ".join([published.run_id, *notes])
    return published


def _short(study: Study, outcome: Outcome) -> str:
    """Name study and data in eight digits."""
    return hashlib.sha256(f"{study.fingerprint}{outcome.data_fingerprint}".encode()).hexdigest()[:8]
