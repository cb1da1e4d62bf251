"""Two runs side by side: customers, risk, value, the drift of what is known of them, who moved,
what the models are made of, and how good they proved.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

from holdfast.evaluation.evidence import CHAMPION
from holdfast.evaluation.stability import LITTLE, MUCH, feature_stability
from holdfast.features.recent_days import RECENT_DAYS
from holdfast.report.evidence_tables import PROOFS
from holdfast.report.formatting import METRICS
from holdfast.runs.run_history import FIGURES, SHOWN, moves
from holdfast.serving.customer_search import read_scores
from holdfast.serving.load import read_table
from holdfast.storage.runs import Run
from holdfast.tables import OUTCOMES, json_rows

_NO_FEATURES = ("customer_id", "cutoff_day", RECENT_DAYS, *OUTCOMES)
_NOT_COMPARED = ("project_dir", "study.name")
_Z = 1.96
_Z_SPAN = 2 * _Z


def compare_runs(before: Run, after: Run) -> dict[str, Any]:
    """Put one run beside an earlier one.

    Returns
    -------
    dict
        before and after (what their manifests say), figures, customers (both, new, gone), drift,
        moves, model and settings (what differs), evidence (means over the test cutoffs, their
        difference with its 95 % interval, and whether that is better) and notes.
    """
    was, now = read_scores(before), read_scores(after)
    ids = was.select("customer_id"), now.select("customer_id")
    both = ids[0].join(ids[1], on="customer_id", how="semi").height
    return {
        "before": {name: before.manifest.get(name) for name in SHOWN},
        "after": {name: after.manifest.get(name) for name in SHOWN},
        "figures": list(_figures(before, after, was, now)),
        "customers": {"both": both, "new": now.height - both, "gone": was.height - both},
        "drift": _drift(before, after),
        "moves": json_rows(moves(was, now)),
        "model": _differences(_model_facts(before), _model_facts(after)),
        "settings": _differences(*map(_settings, (before, after))),
        "evidence": _evidence(before, after),
        "notes": list(_notes(before, after)),
    }


def _figures(
    before: Run, after: Run, was: pl.DataFrame, now: pl.DataFrame
) -> Iterator[dict[str, Any]]:
    for name in FIGURES:
        pair = before.summary.get(name), after.summary.get(name)
        yield _figure(name, *pair)
        if name == "share_at_risk":
            means = (each["churn_probability"].to_numpy().mean() for each in (was, now))
            yield _figure("churn_probability", *map(float, means))


def _figure(name: str, was: float | None, now: float | None) -> dict[str, Any]:
    change = None if was is None or now is None else now - was
    return {"figure": name, "before": was, "after": now, "change": change}


def _drift(before: Run, after: Run) -> list[dict[str, Any]]:
    features = (read_table(run, "features") for run in (before, after))
    drifted = feature_stability(*features, but=_NO_FEATURES)
    index = pl.col("stability_index")
    little, some, much = (pl.lit(word) for word in ("little", "some", "much"))
    word = pl.when(index < LITTLE).then(little).when(index < MUCH).then(some).otherwise(much)
    return json_rows(drifted.with_columns(drift=word))


def _model_facts(run: Run) -> dict[str, Any]:
    """What the models are made of, by what it is called."""
    facts: dict[str, Any] = {}
    for task in PROOFS:
        figures = run.summary.get(task) or {}
        members = [figures.get("algorithm")]
        # What the files of the other member are called, in each task's folder.
        prefix = f"models/{task}/{'btyd-' if task == 'churn' else 'spending-'}"
        if any(name.startswith(prefix) for name in run.manifest["files"]):
            members.append("BTYD")
        if any(name.startswith(f"models/{task}/sequence-") for name in run.manifest["files"]):
            members.append("recurrent network")
        facts[f"{task} members"] = [name for name in members if name]
        facts[f"{task} horizon, days"] = figures.get("horizon_days")
        facts[f"{task} tested at"] = figures.get("test_cutoffs")
    versions = run.manifest.get("versions") or {}
    facts |= {f"version of {name}": version for name, version in versions.items()}
    data = str(run.manifest.get("data_sha256"))[:12]
    return {**facts, "data": data, "seed": run.manifest.get("seed")}


def _settings(run: Run) -> dict[str, Any]:
    """The study's settings by their dotted names."""
    return dict(_flatten(run.read_json("study.json")))


def _flatten(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        dotted = f"{above}{name}"
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{dotted}.")
        elif dotted not in _NOT_COMPARED:
            yield dotted, value


def _differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = dict.fromkeys(chain(was, now))
    return [
        {"what": name, "before": _text(was.get(name)), "after": _text(now.get(name))}
        for name in names
        if was.get(name) != now.get(name)
    ]


def _text(value: Any) -> str | None:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return None if value is None else str(value)


def _evidence(before: Run, after: Run) -> list[dict[str, Any]]:
    was, now = (_means(run) for run in (before, after))
    rows = []
    for task, metrics in PROOFS.items():
        for metric in metrics:
            one, other = was.get((task, metric)), now.get((task, metric))
            if one and other:
                rows.append({"task": task, "metric": metric, **_contest(metric, one, other)})
    return rows


def _means(run: Run) -> dict[tuple[str, str], tuple[float, float]]:
    """(task, metric) -> mean over the test cutoffs and its standard error, by their intervals."""
    champion = read_table(run, "evidence").filter(model=CHAMPION).drop_nulls("value")
    means = {}
    for (task, metric), rows in champion.drop_nans("value").group_by("task", "metric"):
        span = (rows["high"] - rows["low"]).to_numpy() / _Z_SPAN
        error = float(np.sqrt((span**2).sum()) / rows.height)
        means[str(task), str(metric)] = float(rows["value"].to_numpy().mean()), error
    return means


def _contest(metric: str, was: tuple[float, float], now: tuple[float, float]) -> dict[str, Any]:
    """Two means, as if they were independent: a difference that is named is a safe one."""
    difference, error = now[0] - was[0], float(np.hypot(was[1], now[1]))
    has_error = np.isfinite(error) and error > 0
    low, high = difference - _Z * error, difference + _Z * error
    return {
        "before": was[0],
        "after": now[0],
        "difference": difference,
        "low": low if has_error else None,
        "high": high if has_error else None,
        "verdict": _verdict(metric, low, high) if has_error else None,
    }


def _verdict(metric: str, low: float, high: float) -> str | None:
    better = METRICS[metric].better
    if better == "nearer 1":
        return None
    if low <= 0 <= high:
        return "no difference"
    return "better" if (low > 0) == (better == "higher") else "worse"


def _notes(before: Run, after: Run) -> Iterator[str]:
    """What to know before reading the two side by side."""
    if before.manifest.get("study") != after.manifest.get("study"):
        yield "the runs are of two studies"
    if before.manifest.get("kind") != after.manifest.get("kind"):
        yield "one run is of an order log, the other of a snapshot"
    for task in PROOFS:
        was, now = ((run.summary.get(task) or {}).get("horizon_days") for run in (before, after))
        if was != now:
            yield f"{task} is asked over other horizons: {was} and {now} days"
    tested = [(run.summary.get("churn") or {}).get("test_cutoffs") for run in (before, after)]
    if tested[0] != tested[1]:
        yield (
            "the models were tested on different days: part of a difference between them is the "
            "time that they were tested on"
        )
    if after.summary["cutoff_day"] < before.summary["cutoff_day"]:
        yield "the second run stands at an earlier day than the first"
