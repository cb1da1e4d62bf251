"""What leaving and value mean here, and how they are learnt."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field

from holdfast.errors import StudyError
from holdfast.study.sections import Horizon, Parameters, Section, Share, require_known

ALGORITHMS = (
    "lightgbm", "blend", "logistic", "ridge", "random_forest", "hist_gradient_boosting", "xgboost",
    "catboost", "sequence",
)  # fmt: skip
SEQUENCE = "sequence"
"""A network that joins the pool instead of standing for itself."""


def eligible_days(rule: str) -> int | None:
    """Days of the eligibility rule; None for everyone who ever bought.

    >>> eligible_days("bought in the last 365 days"), eligible_days("ever bought")
    (365, None)
    """
    if rule == "ever bought":
        return None
    if match := re.fullmatch(r"bought in the last (\d{1,4}) days", rule):
        return int(match[1])
    raise StudyError(
        f"churn.eligible {rule!r} is not understood",
        fix='write "bought in the last 365 days" or "ever bought"',
    )


class SequenceParameters(Section):
    """How a network is trained: the `parameters` of the algorithm "sequence"."""

    steps: int = Field(700, ge=1, le=100_000)
    """Gradient steps, of 160 customers each."""
    budget_cpu_seconds: float | None = Field(None, gt=0)
    """The number of steps is cut beforehand to what this affords, by the cost of a few trial steps,
    so that the bytes depend on the machine. None: no budget.
    """
    device: Literal["cpu", "cuda"] = "cpu"
    """Where it is trained; equal bytes are promised of "cpu" alone."""


class Task(Section):
    """What both models share."""

    horizon_days: Horizon = 90
    """Length of the target window."""
    algorithm: str = "auto"
    """"auto": the best of `candidates` by a proper score on the validation fold. "sequence": a
    recurrent network reads each customer's days and joins the pool of the trees and the BTYD
    models, as far as it proved to help.
    """
    candidates: list[str] = []
    """Algorithms that "auto" chooses from. None: LightGBM; of a snapshot, as many trees as predict
    unseen customers best, for churn blended with a logistic regression. "sequence" among them joins
    the one that is chosen.
    """
    parameters: Parameters = {}
    """Passed to the named algorithm. Of "sequence": steps, budget_cpu_seconds, device."""
    pool_btyd: bool = True
    """Pool what is learnt from an order log with the BTYD models. false: they still set the level,
    and customers are told apart by the learnt member alone, which a warehouse can compute:
    `holdfast export --sql`.
    """

    @property
    def is_open(self) -> bool:
        """Whether no algorithm is named, neither one nor several to choose from."""
        return self.algorithm == "auto" and not self.candidates

    @property
    def asks_for_sequence(self) -> bool:
        """Whether a network is to join the pool."""
        return SEQUENCE in (self.algorithm, *self.candidates)

    @property
    def of_sequence(self) -> SequenceParameters:
        """How the network is trained."""
        given = self.parameters if self.algorithm == SEQUENCE else {}
        return SequenceParameters.model_validate(given)

    @property
    def of_table(self) -> Self:
        """How the member is learnt that reads one row per customer: without the network."""
        if self.algorithm == SEQUENCE:
            return self.model_copy(update={"algorithm": "auto", "candidates": [], "parameters": {}})
        others = [name for name in self.candidates if name != SEQUENCE]
        return self.model_copy(update={"candidates": others})

    def _check(self) -> None:
        for name in (*self.candidates, *([] if self.algorithm == "auto" else [self.algorithm])):
            require_known(name, ALGORITHMS, f"there is no algorithm '{name}'")
        if self.parameters and self.algorithm == "auto":
            raise StudyError(
                "parameters need a named algorithm", fix='set algorithm = "lightgbm", say'
            )
        if self.algorithm == SEQUENCE:
            for name in self.parameters:
                known = list(SequenceParameters.model_fields)
                require_known(name, known, f"{SEQUENCE} has no parameter '{name}'")
            _ = self.of_sequence


class Churn(Task):
    """What leaving means here, and how it is learnt."""

    kind: Literal["non-contractual", "contractual"] = "non-contractual"
    """Whether leaving is silence, or the end of a contract."""
    eligible: str = "bought in the last 365 days"
    """Who is scored: "bought in the last N days" before the cutoff, or "ever bought"."""
    threshold: Share = 0.5
    """Above it a customer counts as predicted to churn in precision, recall and F1."""
    calibrate: bool = True
    """Fit probabilities to outcomes on a later cutoff, and pool those of a log with the BTYD
    models'."""

    def _check(self) -> None:
        super()._check()
        eligible_days(self.eligible)


class Value(Task):
    """What a customer is worth, and how it is learnt."""

    horizon_days: Horizon = 180
    """Length of the target window."""
    margin_rate: Share = 1.0
    """Margin on revenue; of a log that says more of a line (`[transactions.columns]` cost or
    category), of the lines of which it does not."""
    margin_by_category: dict[str, Annotated[float, Field(ge=-1, le=1)]] = {}
    """Category -> margin on revenue, whatever its case; below 0 where it is sold at a loss."""
    discount_rate_per_year: float = Field(0.0, ge=0, le=10)
    """For discounted values."""

    def _check(self) -> None:
        super()._check()
        folded = [name.lower() for name in self.margin_by_category]
        if len(set(folded)) < len(folded):
            raise StudyError(
                "two categories of value.margin_by_category differ in case alone", fix="keep one"
            )
