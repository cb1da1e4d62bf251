"""Real trials as `Trial`s: Hillstrom's e-mails and Gerber, Green and Larimer's mailings."""

from pathlib import Path

import numpy as np
import polars as pl

from holdfast.evaluation.trial import Trial
from holdfast.learners.design import Design

HILLSTROM = "hillstrom.parquet"
MAILINGS = "gerber_green_2008.csv.gz"
EMAILS = ("Mens E-Mail", "Womens E-Mail")
LETTERS = ("Civic Duty", "Hawthorne", "Self", "Neighbors")
_OF_CUSTOMER = ("recency", "history", "mens", "womens", "newbie", "zip_code", "channel")
_OF_VOTER = ("sex", "yob", "g2000", "g2002", "p2000", "p2002", "p2004", "hh_size")

RULES = {
    "bought women's before": "womens",
    "bought men's before": "mens",
    "past spend": "history",
    "long since the last purchase": "recency",
    "new customer": "newbie",
}


def hillstrom(folder: Path, outcome: str) -> Trial:
    """Both e-mails against none, a third each; the outcome is visit, conversion or spend."""
    table = pl.read_parquet(folder / HILLSTROM).with_row_index("customer_id")
    design = Design.learn(table, columns=_OF_CUSTOMER)
    arms = {"No E-Mail": 0, **{name: k for k, name in enumerate(EMAILS, 1)}}
    return Trial(
        customer_ids=table["customer_id"].cast(pl.String),
        features=design.matrix(table),
        names=design.names,
        offer=table["segment"].replace_strict(arms, return_dtype=pl.Int64).to_numpy(),
        offers=EMAILS,
        outcome=table[outcome].cast(pl.Float64).to_numpy(),
        propensities=np.full((table.height, 3), 1 / 3),
    )


def mailings(folder: Path) -> Trial:
    """Four mailings against none, drawn by household; the outcome is having voted."""
    table = pl.read_csv(folder / MAILINGS, infer_schema_length=None).with_row_index("customer_id")
    design = Design.learn(table, columns=_OF_VOTER)
    arm = table["treatment"].str.strip_chars()
    arms = {name: k for k, name in enumerate(LETTERS, 1)}
    offer = arm.replace_strict(arms, default=0, return_dtype=pl.Int64).to_numpy()
    shares = np.bincount(offer) / len(offer)
    return Trial(
        customer_ids=table["customer_id"].cast(pl.String),
        features=design.matrix(table),
        names=design.names,
        offer=offer,
        offers=LETTERS,
        outcome=(table["voted"] == "Yes").cast(pl.Float64).to_numpy(),
        propensities=np.tile(shares, (len(offer), 1)),
        cluster=table["hh_id"].rank("dense").cast(pl.Int64).to_numpy(),
    )
