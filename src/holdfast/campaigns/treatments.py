"""Treatments: the record of past campaigns as effects are read from it, by intention to treat.

Everybody counts in the arm that the draw gave them; only the cost follows what was delivered.
"""

from collections.abc import Mapping

import polars as pl

from holdfast.errors import DataError, NotEnoughData
from holdfast.io.warehouse import Warehouse

CONTACT = "contact"
"""The offer of campaigns that name none."""
HOLD_OUT = "hold out"
"""The arm of those who were not to be contacted."""
_ARMS_APART_DAYS = 1.0
ARM = pl.when("treated").then("offer").otherwise(pl.lit(HOLD_OUT))
"""Of a row of treatments: its offer, or the hold-out."""
UNIT = (
    pl.when(pl.col("cluster").is_null())
    .then(pl.format("customer {}", "customer_id"))
    .otherwise(pl.format("cluster {}", "cluster"))
)
"""Of a row of treatments: who was drawn as one."""


def read_treatments(warehouse: Warehouse) -> pl.DataFrame:
    """Read who was drawn into which arm.

    Returns
    -------
    polars.DataFrame
        One row per row of [treatments] and of the recorded exports: row (its number), customer_id,
        day, campaign, treated (as assigned), offer, propensity (of being contacted by any offer;
        null where it is not given), cost_minor (0 where nothing was delivered; null where it is not
        given), accepted (whether the offer was taken up; null where nothing was delivered or that
        is not known), cluster (null: the customer was drawn alone).

    Raises
    ------
    NotEnoughData
        There is none.
    DataError
        An offer is called as the hold-out is.
    """
    if not warehouse.has("treatments"):
        raise NotEnoughData(
            "no campaign is known: the study has no [treatments], and no export is recorded",
            fix="name the table of past campaigns, with those held out, in [treatments], or write "
            "a list with `holdfast plan --list`",
        )
    rows = warehouse.query(
        """
        SELECT customer_id, day, campaign, coalesce(assigned, treated) AS treated,
            coalesce(offer, $1) AS offer, propensity,
            CASE WHEN coalesce(delivered, treated) THEN cost_minor ELSE 0 END AS cost_minor,
            CASE WHEN coalesce(delivered, treated) THEN accepted END AS accepted, cluster
        FROM treatments ORDER BY ALL
        """,
        CONTACT,
    )
    if rows.is_empty():
        raise NotEnoughData("[treatments] has no row", fix="add past campaigns with a hold-out")
    if rows.filter("treated", pl.col("offer") == HOLD_OUT).height:
        raise DataError(f"an offer of [treatments] is called '{HOLD_OUT}'", fix="rename it")
    return rows.with_row_index("row")


def refuse_torn_clusters(rows: pl.DataFrame) -> None:
    """Raise where what was drawn together is not in one arm of a campaign: the standard errors of
    whole clusters would not hold.

    Raises
    ------
    DataError
        A customer is in two clusters of one campaign, or a cluster in two arms.
    """
    named = rows.drop_nulls("cluster")
    of = (
        ("customers", "customer_id", pl.col("cluster"), "clusters",
         "give each customer one cluster"),
        ("clusters", "cluster", ARM, "arms",
         "draw whole clusters; where customers were drawn one by one, leave `cluster` out"),
    )  # fmt: skip
    for what, key, other, several, fix in of:
        n = named.group_by("campaign", key).agg(n=other.n_unique())
        torn = n.filter(pl.col("n") > 1).sort("campaign", key)
        if torn.height:
            campaign, first = torn.row(0)[:2]
            raise DataError(
                f"{torn.height:,} {what} are in two {several} of one campaign, such as {first} in "
                f"'{campaign}'",
                fix=fix,
            )


def name_contacts(rows: pl.DataFrame, offer_of: Mapping[str, str]) -> pl.DataFrame:
    """The rows, with the offers of those campaigns that name none.

    Parameters
    ----------
    offer_of
        Campaign -> its offer.
    """
    named = pl.col("campaign").replace_strict(offer_of, default=CONTACT, return_dtype=pl.String)
    unnamed = pl.col("treated") & (pl.col("offer") == CONTACT)
    return rows.with_columns(offer=pl.when(unnamed).then(named).otherwise("offer"))


def refuse_arms_apart(rows: pl.DataFrame) -> None:
    """Raise where the contacted and the held out of a campaign are watched from other days: what
    one arm did before the contact would count against the other.

    Raises
    ------
    DataError
        They are a day or more apart on average.
    """
    days = rows.group_by("campaign", "offer", "treated").agg(pl.col("day").mean())
    apart = days.group_by("campaign", "offer").agg(apart=pl.col("day").max() - pl.col("day").min())
    wrong = apart.filter(pl.col("apart") > _ARMS_APART_DAYS).sort("campaign")
    if wrong.height:
        name, _, days_apart = wrong.row(0)
        raise DataError(
            f"in {wrong.height} campaigns the arms are dated apart, in '{name}' by "
            f"{days_apart:.0f} days on average: outcomes before the contact would count",
            fix="date those held out as those contacted: on the day of the draw",
        )
