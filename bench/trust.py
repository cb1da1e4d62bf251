"""Trust at the door: hostile files, and whether the churn window is the one that is right where the
truth is known.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from bench import find_data
from bench._churn_logs import FIRST_DAY, HORIZON_DAYS, N_DAYS, activity, oracle_of, thirty_logs
from bench._figures import Figure, at_least, at_most, show
from bench._hostile import CORPUS, in_process
from bench._leaks import leak_figures
from holdfast.quality.check import check
from holdfast.quality.churn_definition.gaps import find_silences
from holdfast.quality.churn_definition.window import ChurnWindow, find_churn_window
from holdfast.study import Study

END_DAY = FIRST_DAY + N_DAYS
TOLERANCE = 0.25
BACK_DAYS, NEAR_DAYS = 180, 20
SOLD = (pl.col("Quantity") > 0) & (pl.col("Price") > 0) & ~pl.col("Invoice").str.starts_with("C")
REAL = {
    "Online Retail II": ("online_retail_ii.parquet", "Customer ID", "InvoiceDate", SOLD),
    "CDNOW": ("cdnow_master.parquet", "customer_id", "date", pl.lit(True)),
    "grocery": ("groceryElog.parquet", "cust", "date", pl.lit(True)),
}
"""Log -> file, columns of customer and time, rows that are purchases."""


def churn_window_figures(*, seed: int, verbose: bool) -> Iterator[Figure]:
    """Regime and window on 30 simulated logs with known dropout, against the oracle of decision
    record 10.
    """
    regimes, ratios, mistakes = [], [], []
    for number, log in enumerate(thirty_logs(seed)):
        bought, left = log.drawn(n_days=N_DAYS)
        found = _found(bought, end_day=END_DAY)
        oracle = oracle_of(log)
        days = found.window.days
        regimes.append(found.regime.name == log.regime)
        ratios.append(days / oracle.window_days if days else np.inf)
        mistakes.append(_mistakes_over_fewest(bought, left, found))
        if verbose:
            said = (
                f"{number:2d} {log.regime}: said {found.regime.name}, "
                f"{found.regime.clock_share:.0%} by the clock;"
            )
            window = (
                f"window {days} ({found.window.earliest} to {found.window.latest}), oracle "
                f"{oracle.window_days}"
            )
            print(
                f"{said} {window}, {oracle.gone:.0%} gone there; mistakes {mistakes[-1]:.2f}",
                flush=True,
            )
    off = np.abs(np.array(ratios) - 1)
    yield at_least("churn window: regime right, of 30 logs", sum(regimes), 28)
    yield at_least(
        "churn window: within 25 % of the oracle's, of 30 logs", int((off <= TOLERANCE).sum()), 28
    )
    yield Figure("churn window: median distance from the oracle's, share", float(np.median(off)))
    yield Figure("churn window: largest distance from the oracle's, share", float(off.max()))
    yield Figure(
        "churn window: mistakes about who has left over the fewest of any window, median",
        np.median(mistakes),
    )
    yield Figure(
        "churn window: mistakes about who has left over the fewest of any window, largest",
        max(mistakes),
    )


def hostile_figures(*, verbose: bool) -> Iterator[Figure]:
    """Every hostile file through the command line's code: it ends as it must, and no row
    is lost.
    """
    wrong = {}
    for hostile in CORPUS:
        with TemporaryDirectory(prefix="hostile-") as folder:
            if said := in_process(hostile, Path(folder) / "shop"):
                wrong[hostile.name] = said
    if verbose:
        for name, said in wrong.items():
            print(f"{name}: {said}")
    yield at_least("hostile files", len(CORPUS), 60)
    yield at_most(f"hostile files that did not end as they must, of {len(CORPUS)}", len(wrong), 0)


def giant_figures(*, verbose: bool) -> Iterator[Figure]:
    """Of the two orders of Online Retail II that were cancelled within minutes, those that the data
    report names.
    """
    found = check(
        Study.from_toml(
            Path(__file__).parents[1] / "examples" / "online_retail_ii" / "holdfast.toml"
        )
    )
    if verbose:
        print(
            *(f"{each.severity} {each.name}: {each.evidence}" for each in found.findings), sep="\n"
        )
    said = " ".join(finding.evidence for finding in found.findings if finding.name == "giant-lines")
    named = sum(f"{units} units" in said for units in ("80,995", "74,215"))
    yield at_least("giant orders of Online Retail II named, of 2", named, 2)


def _found(bought: pl.DataFrame, *, end_day: int) -> ChurnWindow:
    return find_churn_window(
        activity(bought),
        end_day=end_day,
        horizon_days=HORIZON_DAYS,
        horizons_days=[],
        eligible_days=None,
        kind="non-contractual",
    )


def real_log_figures(folder: Path, *, verbose: bool) -> Iterator[Figure]:
    """What is said of the real logs, and whether it held: asked half a year before the end, who
    returned after all.
    """
    for name, (file, customer, moment, sold) in REAL.items():
        rows = pl.read_parquet(folder / file).filter(sold, pl.col(customer).is_not_null())
        day = pl.col(moment).dt.date().cast(pl.Int32)
        bought = rows.select(customer_id=pl.col(customer).cast(pl.String), day=day).unique()
        end_day = int(bought["day"].to_numpy().max()) + 1
        found = _found(bought, end_day=end_day)
        if verbose:
            windows = ", ".join(
                f"{g} {w}" for g, w in found.groups.select("group", "window_days").iter_rows()
            )
            print(
                f"{name}: {found.regime.name}; {windows}; "
                f"{[finding.name for finding in found.findings]}"
            )
        overall, by_group = _returned_near(bought, stand=end_day - BACK_DAYS)
        yield Figure(f"churn window, {name}: days", found.window.days or np.nan)
        yield Figure(
            f"churn window, {name}: returned within 90 days of those near the window, 180 days ago",
            overall,
        )
        yield Figure(f"churn window, {name}: the same, near the window of their group", by_group)


def _returned_near(bought: pl.DataFrame, *, stand: int) -> tuple[float, float]:
    """Ask on day `stand`; of those near the window, the overall one and the group's, tell who
    returned afterwards.
    """
    past = bought.filter(pl.col("day") < stand)
    found = _found(past, end_day=stand)
    back = bought.filter(pl.col("day").is_between(stand, stand + HORIZON_DAYS - 1))[
        "customer_id"
    ].unique()
    now = (
        find_silences(activity(past), end_day=stand)
        .filter(~pl.col("returned"))
        .with_columns(pl.col("group").cast(pl.String))
    )
    now = now.join(found.groups.select("group", "window_days"), on="group")
    silent, returned = stand - pl.col("start_day"), pl.col("customer_id").is_in(back.implode())
    near = [
        now.filter((silent - window).abs() <= NEAR_DAYS)
        for window in (found.window.days, pl.col("window_days"))
    ]
    overall, by_group = (float(rows.select(returned.mean()).item()) for rows in near)
    return overall, by_group


def _mistakes_over_fewest(bought: pl.DataFrame, left: pl.DataFrame, found: ChurnWindow) -> float:
    """Customers wrongly taken as there or as gone on the log's last day, over the same for the best
    single window.
    """
    last = bought.group_by("customer_id").agg(silent=END_DAY - pl.col("day").max())
    now = last.join(left.select("customer_id", gone=pl.col("left_day") < END_DAY), on="customer_id")
    silent, gone = now["silent"].to_numpy(), now["gone"].fill_null(False).to_numpy()
    wrong = {days: int(((silent >= days) != gone).sum()) for days in range(1, N_DAYS)}
    return wrong[found.window.days or N_DAYS - 1] / max(min(wrong.values()), 1)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a JSON list of figures")
    parser.add_argument("--seed", type=int, default=20, help="of the simulated logs")
    asked = parser.parse_args()
    figures = list(hostile_figures(verbose=not asked.json))
    figures += churn_window_figures(seed=asked.seed, verbose=not asked.json)
    if folder := find_data():
        figures += giant_figures(verbose=not asked.json)
        figures += real_log_figures(folder, verbose=not asked.json)
        figures += leak_figures(folder, verbose=not asked.json)
    show(figures, as_json=asked.json)


if __name__ == "__main__":
    main()
