"""A trial: customers who were drawn by lot to get one of several offers or none, and what they did.

The chance of each customer to get each offer is known from the design. That is what everything in
`holdfast.evaluation` and `holdfast.campaigns` about the effect of an offer stands on.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from holdfast.arrays import Integers, Matrix, Rows, Split, Vector
from holdfast.errors import DataError, NotEnoughData
from holdfast.findings import join_names

_ROUNDING = 1e-6
FEWEST_IN_AN_ARM = 2


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One row per customer, or per customer and campaign.

    Attributes
    ----------
    customer_ids
        (n_rows,).
    features, names
        (n_rows, n_features), as known before the offer, missing = NaN; the columns' names.
    offer
        (n_rows,): 0 for the control, 1.. for `offers`.
    offers
        Names of the offers, without the control.
    outcome
        (n_rows,): 0 or 1, or an amount.
    propensities
        (n_rows, n_offers + 1): the chance of the control and of each offer; rows add up to 1.
    cluster
        (n_rows,): what was drawn together, or happened to one customer; None: each row is alone.
    expected
        (n_rows,): the outcome that is expected without an offer, by a model that has not seen it;
        None: learnt from the control.

    Raises
    ------
    NotEnoughData
        An arm has hardly anybody: without a control no effect is known.
    DataError
        A customer is in two arms of one draw, a chance is 0 or 1, or a number is missing.
    """

    customer_ids: pl.Series
    features: Matrix
    names: tuple[str, ...]
    offer: Integers
    offers: tuple[str, ...]
    outcome: Vector
    propensities: Matrix
    cluster: Integers | None = None
    expected: Vector | None = None

    def __post_init__(self) -> None:
        self._check_shapes()
        self._check_arms()
        self._check_propensities()
        self._check_customers()

    def _check_shapes(self) -> None:
        wanted = {
            "features": (self.n, len(self.names)),
            "offer": (self.n,),
            "customer_ids": (self.n,),
            "propensities": (self.n, len(self.offers) + 1),
            "cluster": (self.n,),
            "expected": (self.n,),
        }
        for name, shape in wanted.items():
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise DataError(
                    f"{name} has the shape {value.shape} beside {self.n:,} outcomes",
                    fix=f"give {shape}",
                )
        for name in ("outcome", "expected"):
            value = getattr(self, name)
            missing = 0 if value is None else int((~np.isfinite(value)).sum())
            if missing:
                raise DataError(
                    f"{name} is missing in {missing:,} of {self.n:,} rows",
                    fix="give 0 where nothing happened, and leave out who was not observed",
                )

    def _check_arms(self) -> None:
        beyond = int(((self.offer < 0) | (self.offer > len(self.offers))).sum())
        if beyond:
            raise DataError(
                f"{beyond:,} rows have an offer outside 0 to {len(self.offers)}",
                fix="number the offers from 1, and the control 0",
            )
        sizes = np.bincount(self.offer, minlength=len(self.offers) + 1)
        if sizes[0] < FEWEST_IN_AN_ARM:
            raise NotEnoughData(
                f"there is no control: {sizes[0]} of {self.n:,} customers got no offer",
                fix="hold some customers out, drawn at random: without them no effect is known",
            )
        empty = [
            name
            for name, size in zip(self.offers, sizes[1:], strict=True)
            if size < FEWEST_IN_AN_ARM
        ]
        if empty or not self.offers:
            raise NotEnoughData(
                f"hardly anybody got {join_names(empty) or 'an offer'}",
                fix="leave the offer out, or wait for more customers",
            )

    def _check_propensities(self) -> None:
        certain = ~((self.propensities > 0) & (self.propensities < 1)).all(axis=1)
        if certain.any():
            raise DataError(
                f"{int(certain.sum()):,} of {self.n:,} rows have a propensity of 0 or 1, or none: "
                "of a customer who could get one arm only nothing can be learnt",
                fix="give the chance of each arm by the draw, and leave out who was not drawn",
            )
        off = np.abs(self.propensities.sum(axis=1) - 1) > _ROUNDING
        if off.any():
            raise DataError(
                f"the propensities of {int(off.sum()):,} rows do not add up to 1",
                fix="give the chance of the control and of each offer",
            )

    def _check_customers(self) -> None:
        if self.cluster is not None:
            return
        repeated = self.n - self.customer_ids.n_unique()
        if repeated:
            arms = pl.DataFrame({"id": self.customer_ids, "offer": self.offer})
            n = arms.group_by("id").agg(pl.col("offer").n_unique())["offer"].gt(1).sum()
            raise DataError(
                f"{repeated:,} customers are there more than once, {n:,} of them in two arms",
                fix="keep each customer's first offer; or, of several campaigns, give the customer "
                "as the cluster",
            )

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.outcome)

    @property
    def treated(self) -> Vector:
        """(n_rows,): 1 where any offer was made, else 0."""
        return (self.offer > 0).astype(np.float64)

    @cached_property
    def is_rate(self) -> bool:
        """Whether the outcome is 0 or 1 for everybody."""
        return bool(np.isin(self.outcome, (0.0, 1.0)).all())

    def take(self, rows: Rows) -> "Trial":
        """Some of the rows, by their places."""
        return replace(self, **self._arrays_of(rows))

    def _arrays_of(self, rows: Rows) -> dict[str, Any]:
        taken: dict[str, Any] = {"customer_ids": self.customer_ids.gather(rows)}
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
        return {**taken, **{name: value[rows] for name, value in arrays.items()}}

    def against_control(self, offer: int) -> "Trial":
        """The rows of one offer (1..) and of the control, with their chances among each other."""
        part = self._arrays_of(np.flatnonzero((self.offer == 0) | (self.offer == offer)))
        pair = part["propensities"][:, [0, offer]]
        part["propensities"] = pair / pair.sum(axis=1, keepdims=True)
        part["offer"] = (part["offer"] > 0).astype(np.int64)
        return replace(self, **part, offers=(self.offers[offer - 1],))

    def folds(self, n_folds: int, *, seed: int) -> list[Split]:
        """Parts of about equal size and equal arms; a cluster is in one part as a whole.

        Raises
        ------
        NotEnoughData
            An arm has fewer clusters than there are parts.
        """
        unit, of_row = np.unique(
            np.arange(self.n) if self.cluster is None else self.cluster, return_inverse=True
        )
        arm = np.zeros(len(unit), dtype=np.int64)
        arm[of_row] = self.offer
        order = np.random.default_rng(seed).permutation(len(unit))
        order = order[np.argsort(arm[order], kind="stable")]
        fold = np.empty(len(unit), dtype=np.int64)
        fold[order] = np.arange(len(unit)) % n_folds
        splits = [
            Split(np.flatnonzero(fold[of_row] != k), np.flatnonzero(fold[of_row] == k))
            for k in range(n_folds)
        ]
        for split in splits:
            sizes = np.bincount(self.offer[split.test], minlength=len(self.offers) + 1)
            if sizes.min() < FEWEST_IN_AN_ARM:
                raise NotEnoughData(
                    f"an arm has {sizes.min()} customers in one of {n_folds} parts",
                    fix="wait for more customers: an effect is checked on customers unseen",
                )
        return splits
