"""Evaluation: customers are scored as of a day by the published run, and what follows for their
episodes is written, in the transaction that the caller has open.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import polars as pl
import polars.selectors as cs

from holdfast.ingest.customers import create_customers
from holdfast.ingest.reader import SourceReader
from holdfast.io.warehouse import Warehouse
from holdfast.stream.alerts.episode_store import EpisodeStore
from holdfast.stream.scoring import LiveModels
from holdfast.stream.state.folding import read_activity
from holdfast.stream.state.postgres import write_rows
from holdfast.stream.state.tables import read_wanted
from holdfast.study import Study
from holdfast.tables import FEATURES, SCORES

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

_WRITTEN = [name for name in SCORES.schema if name != "customer_id"]
_REPLACED = ("run_id", *_WRITTEN, "features", "evaluated_at")
_UPSERT = f"""
    INSERT INTO scores SELECT * FROM scored
    ON CONFLICT (customer_id) DO UPDATE SET
        {", ".join(f"{name} = EXCLUDED.{name}" for name in _REPLACED)}
"""


def read_attributes(study: Study) -> pl.DataFrame | None:
    """CUSTOMERS, as the study's source has them now; None where no attribute is used."""
    if study.customers is None or not study.customers.attributes:
        return None
    with Warehouse.temporary() as warehouse:
        create_customers(SourceReader.of(study, warehouse))
        return warehouse.query("FROM customers")


class Evaluator:
    """Scores by one run, with what is known of customers beside their events.

    Parameters
    ----------
    models, episodes
        Of the published run; None where none is published yet, and nobody is scored.
    """

    def __init__(
        self,
        models: LiveModels | None = None,
        episodes: EpisodeStore | None = None,
        attributes: pl.DataFrame | None = None,
        reached: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.models, self.episodes, self.attributes = models, episodes, attributes
        self._reached = reached

    def evaluate(self, connection: "Connection", *, cutoff_day: int) -> int:
        """Score those who are `wanted` and eligible; returns how many they are."""
        customers = read_wanted(connection)
        if self.models is None or self.episodes is None or customers.is_empty():
            return 0
        activity = read_activity(connection, customers)
        attributes = self.attributes
        if attributes is not None:
            attributes = attributes.join(
                customers.select("customer_id"), on="customer_id", how="semi"
            )
        scored = self.models.score(activity, attributes, cutoff_day=cutoff_day)
        write_scores(connection, self.models.run_id, scored.scores, scored.features)
        remove_scores(connection, customers.join(scored.scores, on="customer_id", how="anti"))
        self._reached("scored")
        self.episodes.update(connection, activity, scored, cutoff_day=cutoff_day)
        connection.execute(
            "UPDATE customers SET evaluated_day = %s, run_id = %s "
            "WHERE number IN (SELECT number FROM wanted)",
            [cutoff_day, self.models.run_id],
        )
        return scored.scores.height


def write_scores(
    connection: "Connection", run_id: str, scores: pl.DataFrame, features: pl.DataFrame
) -> None:
    """Replace the scores of these customers."""
    numbers = feature_names(features)
    table = scores.with_columns(
        run_id=pl.lit(run_id), features=_array(features.select(numbers))
    ).select("customer_id", "run_id", *_WRITTEN, "features")
    connection.execute(
        "INSERT INTO scoring_runs (run_id, feature_names) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        [run_id, numbers],
    )
    write_rows(connection, "scored", table)
    connection.execute(_UPSERT)


def remove_scores(connection: "Connection", customers: pl.DataFrame) -> None:
    """Remove the scores of those who are not eligible any more.

    They are named one by one: asked for whoever is in one table and not in another, PostgreSQL
    reads all scores.
    """
    names = customers["customer_id"].to_list()
    if names:
        connection.execute("DELETE FROM scores WHERE customer_id = ANY(%s)", [names])


def feature_names(features: pl.DataFrame) -> list[str]:
    """The features that are numbers, in the order in which they are stored."""
    numbers = features.select(cs.numeric() | cs.boolean()).columns
    return [name for name in numbers if name not in FEATURES.schema]


def _array(numbers: pl.DataFrame) -> pl.Series:
    """Rows of numbers as PostgreSQL writes arrays."""
    cells = (
        pl.col(name).cast(pl.Float64).cast(pl.String).fill_null("NULL") for name in numbers.columns
    )
    return numbers.select(
        array=pl.concat_str(pl.lit("{"), pl.concat_str(cells, separator=","), pl.lit("}"))
    ).to_series()
