"""Run: everything, from the source to a published run."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from holdfast.io.runs import Registry, Run
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Listener, Silence, Steps
from holdfast.runs.publish import facts, write_papers, write_tables
from holdfast.runs.train_and_score import Outcome, train_and_score
from holdfast.serving.load import load_in_child, mark_loaded
from holdfast.study import Study


def run(study: Study, *, listener: Listener | None = None, promote: bool = True) -> Run:
    """Ingest, learn, prove, score, explain, segment, simulate, report and publish.

    Parameters
    ----------
    listener
        Told of each step.
    promote
        Make the new run the champion.

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
    registry = Registry(Path(study.project_dir) / "runs")
    with registry.staging() as staging:
        scratch = staging / "scratch"
        scratch.mkdir()
        with Warehouse(scratch) as warehouse:
            outcome = train_and_score(study, warehouse, steps)
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
                registry.promote(published.run_id)
            step.detail = published.run_id
    return published


def _short(study: Study, outcome: Outcome) -> str:
    """Name study and data in eight digits."""
    return hashlib.sha256(f"{study.fingerprint}{outcome.data_fingerprint}".encode()).hexdigest()[:8]
