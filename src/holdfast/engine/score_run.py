"""Everybody's scores by a published run: read in buckets, and scored by its models and its rule."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from holdfast.campaigns.score_totals import add_segments
from holdfast.engine.bucket_log import read_in_buckets
from holdfast.engine.buckets import BucketFolder
from holdfast.engine.run import open_engine
from holdfast.engine.scoring import (
    Finishing,
    Scoring,
    add_totals,
    finish_bucket,
    predict_all,
)
from holdfast.errors import InputError
from holdfast.ingest.contract import refuse
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Steps
from holdfast.serving.load import (
    load_fitted,
    load_models,
    load_rule,
    load_study,
    load_wording,
)
from holdfast.storage.runs import Run
from holdfast.storage.safe_files import hold, os_errors_as
from holdfast.study import Study
from holdfast.tables import json_rows
from holdfast.windows import date_of

_CUSTOMERS_ON_THE_DRIVER = 20_000
"""Nothing is learnt of them; what their order lines look like as a whole is checked."""


def score_by_run(study: Study, run: Run, to: Path, steps: Steps) -> dict[str, Any]:
    """Score everybody in the study's sources by a published run.

    Parameters
    ----------
    study
        With the engine, and the sources; all else must be as it was when the run was made.
    to
        A folder that is not there yet. It takes what a run keeps of each customer,
        addresses too, in parts, one a bucket, and `summary.json`; it appears whole or not at all.

    Returns
    -------
    dict
        What `summary.json` holds.

    Raises
    ------
    InputError
        The folder is there, the run is one of a snapshot, or the study is another.
    NotEnoughData
        Nobody is eligible.
    """
    _refuse_other_study(study, run)
    if to.exists():
        raise InputError(f"{to} is there already", fix="name a folder that is not there yet")
    to.parent.mkdir(parents=True, exist_ok=True)
    # Kept rows are a run's, which holds the project while it changes them.
    engine = study.engine.model_copy(
        update={"keep_rows": False, "sample_customers": _CUSTOMERS_ON_THE_DRIVER}
    )
    study = study.model_copy(update={"engine": engine})
    with _staging(to) as staging:
        made, scratch = staging / "made", staging / "scratch"
        made.mkdir()
        scratch.mkdir()
        with Warehouse(scratch) as warehouse:
            summary = _score(
                study, run, BucketFolder(made, durable=True), scratch, warehouse, steps
            )
        (made / "summary.json").write_text(json.dumps(summary, ensure_ascii=False, indent=1))
        with os_errors_as(InputError, f"{to} was made by somebody else", fix="name another folder"):
            made.replace(to)
    return summary


@contextmanager
def _staging(to: Path) -> Iterator[Path]:
    """An empty folder beside `to`, held by this process; what a killed one left there is removed
    first.
    """
    lock, folder = (to.parent / f".{to.name}.{kind}" for kind in ("lock", "unfinished"))
    with ExitStack() as held:
        try:
            held.enter_context(hold(lock, wait=False))
        except BlockingIOError:
            raise InputError(
                f"another process writes {to}", fix="wait for it, or name another folder"
            ) from None
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)


def _refuse_other_study(study: Study, run: Run) -> None:
    if run.manifest.get("kind") != "log":
        raise InputError(
            f"run {run.run_id} was made from a snapshot", fix="score it with `holdfast run`"
        )
    ours, theirs = (_sections(each) for each in (study, load_study(run)))
    if differ := [name for name in ours if ours[name] != theirs.get(name)]:
        raise InputError(
            f"the study differs from that of run {run.run_id} in {', '.join(differ)}",
            fix="score by a run of this study, or make one with `holdfast run`",
        )


def _sections(study: Study) -> dict[str, Any]:
    """What a study says, but for the files that it names: there are new ones every night."""
    sections = study.model_dump(mode="json")
    named = (each for each in sections.values() if isinstance(each, dict))
    for section in named:
        section.pop("path", None)
    return sections


def _score(
    study: Study,
    run: Run,
    tables: BucketFolder,
    scratch: Path,
    warehouse: Warehouse,
    steps: Steps,
) -> dict[str, Any]:
    engine, work = open_engine(study, scratch), BucketFolder(scratch)
    fitted = load_fitted(run, load_models(run))
    if fitted is None:
        raise InputError(f"run {run.run_id} is older than horizons", fix="make a new one")
    with steps("Read the sources") as step:
        log = read_in_buckets(study, engine, work, warehouse)
        refuse(log.sample.failures)
        step.detail = f"{log.sample.size}, in {len(log.buckets)} buckets"
    models = tuple(sorted(fitted.parts().items()))
    scoring = Scoring(study, log.reading.folder, work, tables, models, log.sample.end_day)
    with steps("Scores and horizons of every bucket") as step:
        n_customers, _ = predict_all(engine, scoring, log.buckets)
        finishing = Finishing(scoring, load_rule(run), load_wording(run), n_customers)
        totals = add_totals(engine.map(partial(finish_bucket, finishing), log.buckets))
        step.detail = f"{n_customers:,} customers"
    segments = work.whole("segments")
    assert segments is not None
    return {
        "run_id": run.run_id,
        "cutoff_date": date_of(log.sample.end_day).isoformat(),
        "rows": asdict(log.sample.rows),
        "reasons": log.sample.reasons,
        **asdict(totals),
        "segments": json_rows(add_segments(segments)),
    }
