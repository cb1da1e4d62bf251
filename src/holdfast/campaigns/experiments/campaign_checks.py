"""What a record of treatments must be before it is learnt from: complete, matured, and drawn by
lot."""

import polars as pl

from holdfast.errors import DataError, NotEnoughData
from holdfast.windows import date_of


def check_treatments(treatments: pl.DataFrame, customers: pl.Series) -> None:
    """Stop where treatments cannot be a fair experiment.

    Parameters
    ----------
    treatments
        customer_id, treated, and propensity (chance of being treated) where it is recorded.
    customers
        Ids of all customers of the log and the customer table.

    Raises
    ------
    DataError
        Customers are unknown or in both arms, or a propensity is 0 or 1.
    NotEnoughData
        Nobody was held out, or nobody was treated.
    """
    _check_known(treatments, customers)
    arms = treatments.group_by("customer_id").agg(n=pl.col("treated").n_unique())
    both = arms.filter(pl.col("n") > 1)
    if both.height:
        raise DataError(
            f"{both.height:,} customers are in both arms of one campaign, such as"
            f" {both['customer_id'].sort()[0]}",
            fix="keep the arm that was drawn first, also where the message went out by mistake",
        )
    treated = int(treatments["treated"].sum())
    if treated in (0, treatments.height):
        who = "held out" if treated else "treated"
        raise NotEnoughData(
            f"nobody of {treatments.height:,} was {who}, so there is nothing to compare with",
            fix="hold some customers out at random; without, a campaign can only be observed",
        )
    _check_propensity(treatments)


def _check_known(treatments: pl.DataFrame, customers: pl.Series) -> None:
    unknown = treatments.filter(~pl.col("customer_id").is_in(customers.implode()))
    if unknown.height:
        raise DataError(
            f"{unknown['customer_id'].n_unique():,} customers of the campaign never existed,"
            f" such as {unknown['customer_id'].sort()[0]}",
            fix="name customers as the order log does, or add them to the customer table",
        )


def _check_propensity(treatments: pl.DataFrame) -> None:
    if "propensity" not in treatments.columns:
        return
    certain = treatments.filter(~pl.col("propensity").is_between(0, 1, closed="none"))
    if certain.height:
        raise DataError(
            f"{certain.height:,} customers had a propensity of 0 or 1: chance did not choose them",
            fix="leave them out: they would have been treated, or held out, in any case",
        )


def check_matured(campaign_day: int, *, window_days: int, return_days: int, last_day: int) -> None:
    """Stop where outcomes are not all in: the window, and the time in which orders come back.

    Raises
    ------
    NotEnoughData
        The log ends too early.
    """
    needed = campaign_day + window_days + return_days - 1
    if last_day < needed:
        back = f", and orders come back for {return_days} more" if return_days else ""
        raise NotEnoughData(
            f"the campaign of {date_of(campaign_day)} is read out on {window_days} days{back}, but"
            f" the log ends on {date_of(last_day)}",
            fix=f"wait until {date_of(needed)}: before, not all its outcomes are in",
        )
