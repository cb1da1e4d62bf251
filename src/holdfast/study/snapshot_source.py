"""The source of a customer snapshot: one row per customer, already aggregated."""

from typing import Literal

from pydantic import Field

from holdfast.errors import StudyError
from holdfast.expressions import named_outcome, parse
from holdfast.study.sections import DayText, Expr, Horizon, Section
from holdfast.study.sources import Source


class SnapshotColumns(Section):
    """Which column names the customer, and which say whether one may be contacted; the latter no
    model sees.
    """

    customer_id: str
    consent: str | None = None
    """As in `[customers.columns]`."""
    do_not_contact: str | None = None
    """As in `[customers.columns]`."""

    @property
    def of_permission(self) -> list[str]:
        """The columns that say whether a customer may be contacted."""
        return [name for name in (self.consent, self.do_not_contact) if name is not None]


class SnapshotLabels(Section):
    """The outcome, as a column or an expression over columns; `value` may be missing."""

    churned: Expr
    """True for a customer who left."""
    value: Expr | None = None
    """A number; without it no value model is learnt."""


class SnapshotSource(Source):
    """One row per customer, already aggregated. It cannot be backtested in time."""

    columns: SnapshotColumns
    as_of: DayText
    """The day the snapshot was taken, YYYY-MM-DD."""
    labels: SnapshotLabels
    derived: dict[str, Expr] = {}
    """Name -> formula over the given columns, added as features."""
    hidden_from_churn: list[str] = []
    """Columns the churn model may not see."""
    hidden_from_value: list[str] = []
    """Columns the value model may not see."""
    test_share: float = Field(0.2, gt=0, lt=1)
    """Share of customers held out for the test, where the table has no split of its own."""
    split: str | None = None
    """Column that says `train` or `test` (or no, yes: is it a test row?) of each row, as the table
    was prepared.
    """
    cutoff: str | None = None
    """Column with the day up to which each row reaches. Such a table can be audited, not run."""
    horizon_days: Horizon | None = None
    """Days after a row's cutoff that its outcome looks at."""
    cross_validation_folds: int = Field(5, ge=2, le=20)
    """Folds over customers, beside the split."""

    def _check(self) -> None:
        super()._check()
        texts = [self.labels.churned, self.labels.value, *self.derived.values()]
        read = {column for text in texts if text for column in parse(text).columns}
        for name in self.columns.of_permission:
            if name in read:
                raise StudyError(
                    f"'{name}' says who may be contacted, and no model may learn from it",
                    fix="take it out of [snapshot.derived] and the labels",
                )

    def hidden_columns(self, task: Literal["churn", "value"]) -> frozenset[str]:
        """Columns that a model may not see: those the study hides, and any column that is itself a
        label.
        """
        named = self.hidden_from_churn if task == "churn" else self.hidden_from_value
        labels = [
            named_outcome(label)
            for label in (self.labels.churned, self.labels.value)
            if label is not None
        ]
        return frozenset([*named, *(label for label in labels if label is not None)])
