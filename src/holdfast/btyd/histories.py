"""A purchase history is three numbers: how often, until when, observed for how long."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from holdfast.arrays import Floats, Numbers
from holdfast.errors import DataError


@dataclass(frozen=True)
class Histories:
    """Purchase histories, one per customer (or one per distinct history once merged).

    Attributes
    ----------
    frequency
        Repeat purchases x: whole numbers, the first purchase not counted. Shape `(n,)`, as the
        others.
    recency
        Age at the last purchase t_x (first to last purchase), 0 when there is no repeat purchase.
    T
        Age: first purchase to now, in the same unit of time.
    covariates
        What is known of the customer besides, shape `(n, n_covariates)`.
    """

    frequency: Floats
    recency: Floats
    T: Floats
    covariates: Floats

    def __len__(self) -> int:
        return len(self.frequency)

    @cached_property
    def _levels(self) -> tuple[Floats, npt.NDArray[np.intp]]:
        levels, index = np.unique(self.frequency, return_inverse=True)
        return levels, index

    def by_frequency(self, function: Callable[..., Floats], *parameters: Floats) -> Floats:
        """Evaluate `function(frequency, *parameters)`, once per distinct frequency where the
        parameters are shared.

        Gamma functions cost fifty times a look-up, and a million customers have but a few hundred
        frequencies.
        """
        if any(np.ndim(parameter) for parameter in parameters):
            return function(self.frequency, *np.broadcast_arrays(*parameters, self.frequency)[:-1])
        levels, index = self._levels
        return np.asarray(function(levels, *parameters)[index])

    def in_units_of(self, scale: float) -> "Histories":
        """The same histories with time divided by `scale`."""
        return Histories(self.frequency, self.recency / scale, self.T / scale, self.covariates)

    def age_by(self, by: Floats) -> "Histories":
        """The same customers `by` later, without another purchase."""
        return Histories(self.frequency, self.recency, self.T + by, self.covariates)

    def take(self, rows: slice | npt.NDArray[np.intp]) -> "Histories":
        """Some of the rows."""
        return Histories(
            self.frequency[rows], self.recency[rows], self.T[rows], self.covariates[rows]
        )

    def slices(self, size: int) -> Iterator[slice]:
        """Ranges of at most `size` rows: small enough for a quadrature over them to stay in the
        cache.
        """
        return (slice(start, start + size) for start in range(0, len(self), size))

    def merge(self, weights: Floats) -> tuple["Histories", Floats]:
        """Distinct histories, sorted, and the summed weight of each; histories of no weight are
        dropped.
        """
        rows, summed = merge_rows(
            (*self.covariates.T, self.T, self.recency, self.frequency), weights
        )
        return self.take(rows), summed


def merge_rows(columns: Sequence[Floats], weights: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """One row of each distinct combination, sorted by the last column first, and the summed weight
    of each.
    """
    order = np.lexsort(tuple(columns))
    order = order[weights[order] > 0]
    fresh = np.zeros(len(order), dtype=bool)
    fresh[:1] = True
    for column in columns:
        fresh[1:] |= np.diff(column[order]) != 0
    firsts = np.flatnonzero(fresh)
    return order[firsts], np.add.reduceat(weights[order], firsts) if len(firsts) else np.zeros(0)


def check_histories(
    frequency: Numbers,
    recency: Numbers,
    T: Numbers,
    covariates: Numbers | None = None,
    *,
    names: tuple[str, ...] = (),
) -> Histories:
    """Histories from what a caller passed.

    Raises
    ------
    DataError
        Where a value is not finite, a frequency is not a whole number, 0 <= recency <= T is broken,
        or frequency and recency disagree on whether there was a repeat purchase.
    """
    columns = [
        np.atleast_1d(np.asarray(column, dtype=np.float64)) for column in (frequency, recency, T)
    ]
    if any(column.ndim != 1 for column in columns) or len({*map(len, columns)} - {1}) > 1:
        shapes = ", ".join(str(column.shape) for column in columns)
        raise DataError(
            f"frequency, recency and T have shapes {shapes}", fix="pass one value per customer"
        )
    x, t_x, age = np.broadcast_arrays(*columns)
    finite = np.isfinite(x) & np.isfinite(t_x) & np.isfinite(age)
    whole = (x >= 0) & (x == np.floor(x))
    ordered = (t_x >= 0) & (t_x <= age)
    _refuse(~finite, "a value that is not finite", "remove them")
    _refuse(~whole, "a frequency that is no whole number >= 0", "count repeat purchases")
    _refuse(
        ~ordered, "recency outside 0..T", "recency is the age at the last purchase, T the age now"
    )
    _refuse(
        (x == 0) != (t_x == 0),
        "frequency and recency that disagree on whether there was a repeat purchase",
        "recency runs from the first to the last purchase (not from the last to now), and "
        "purchases of one moment count as one",
    )
    return Histories(x, t_x, age, _check_covariates(covariates, names=names, n_rows=len(x)))


def check_weights(weights: Numbers | None, *, n_rows: int) -> Floats:
    """One weight per history, >= 0 and finite; 1 each when left out."""
    if weights is None:
        return np.ones(n_rows)
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (n_rows,):
        raise DataError(
            f"weights have shape {values.shape}, expected ({n_rows},)",
            fix="pass one weight per history",
        )
    _refuse(
        ~(np.isfinite(values) & (values >= 0)),
        "a weight that is not finite and >= 0",
        "weights count customers",
    )
    return values


def check_gaps(values: Numbers, *, n_rows: int) -> Floats:
    """Sums of the logarithms of the gaps between purchases, finite, one per history."""
    gaps = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if gaps.shape != (n_rows,) or not np.isfinite(gaps).all():
        raise DataError(
            f"sum_log_gaps must be {n_rows} finite numbers",
            fix="merge purchases of one moment: log 0 is infinite",
        )
    return gaps


def check_times(times: Mapping[str, Numbers], *, n_rows: int) -> dict[str, Floats]:
    """Moments after T, one per history each; `start` must not lie after `end`."""
    moments = {}
    for name, value in times.items():
        moment = np.asarray(value, dtype=np.float64)
        if moment.shape not in {(), (n_rows,)}:
            raise DataError(
                f"{name} has shape {moment.shape}, expected () or ({n_rows},)",
                fix="pass one time per row",
            )
        if not (np.isfinite(moment).all() and (moment >= 0).all()):
            raise DataError(f"{name} must be finite and >= 0", fix="times count from T on")
        moments[name] = np.broadcast_to(moment, (n_rows,))
    if "start" in moments and (moments["start"] > moments["end"]).any():
        raise DataError("start lies after end", fix="ask for (start, end] with start <= end")
    return moments


def _check_covariates(values: Numbers | None, *, names: tuple[str, ...], n_rows: int) -> Floats:
    table = np.zeros((n_rows, 0)) if values is None else np.asarray(values, dtype=np.float64)
    if table.ndim == 1:
        table = table[:, None]
    if table.shape != (n_rows, len(names)):
        wanted = f"({n_rows}, {len(names)}): {', '.join(names) or 'the model has none'}"
        raise DataError(
            f"covariates have shape {table.shape}, expected {wanted}",
            fix="pass one column per name",
        )
    _refuse(
        np.asarray(~np.isfinite(table).all(axis=1)),
        "a covariate that is not finite",
        "fill or drop it",
    )
    return table


def _refuse(broken: npt.NDArray[np.bool_], what: str, fix: str) -> None:
    count = int(broken.sum())
    if count:
        row = int(np.argmax(broken))
        raise DataError(
            f"{count} of {len(broken)} histories have {what} (first in row {row})",
            fix=fix,
            rows=count,
        )
