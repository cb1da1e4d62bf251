"""A run of a million customers from one of a thousand: its customers repeated under new names,
published as a run.
"""

import json
import shutil
from typing import Any

import polars as pl

from holdfast.storage.runs import Registry, Run


def tiled(run: Run, registry: Registry, *, customers: int) -> Run:
    """Publish a copy of a run whose scores, features and purchases are repeated, and make it the
    champion.
    """
    with registry.staging() as staging:
        folder = staging / "run"
        shutil.copytree(run.path, folder)
        (folder / "manifest.json").unlink()
        times = -(-customers // run.scores.height)
        for name in ("scores", "features", "purchases", "horizons"):
            if f"tables/{name}.parquet" in run.manifest["files"]:
                _repeat(run.table(name), times).write_parquet(
                    folder / "tables" / f"{name}.parquet", statistics=True
                )
        scores = pl.read_parquet(folder / "tables" / "scores.parquet").sort("customer_id")
        scores.write_parquet(folder / "tables" / "scores.parquet", statistics=True)
        scores.write_ipc(folder / "scores.arrow", compression="uncompressed")
        summary = {**run.summary, "customers": scores.height}
        (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
        facts: dict[str, Any] = {
            key: value for key, value in run.manifest.items() if key not in ("files", "run_id")
        }
        published = registry.publish(
            folder, run_id=run.run_id, facts=facts | {"customers": scores.height}
        )
    return registry.promote(published.run_id)


def _repeat(table: pl.DataFrame, times: int) -> pl.DataFrame:
    return pl.concat(
        table.with_columns(customer_id=pl.format("{}-{}", pl.lit(f"{k:05d}"), "customer_id"))
        for k in range(times)
    )
