"""Fitted models: all that a run predicts with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.findings import Finding
from holdfast.models.churn import ChurnModel
from holdfast.models.promotions import NO_PROMOTIONS, Promotions
from holdfast.models.value import ValueModel

if TYPE_CHECKING:
    from holdfast.models.horizon_chain import HorizonModel
    from holdfast.models.purchase_counts import CountModel, RenewalModel

Model = ChurnModel | ValueModel
MODEL_TYPES: Mapping[str, type[ChurnModel] | type[ValueModel]] = {
    "churn": ChurnModel,
    "value": ValueModel,
}
"""By task."""


@dataclass(frozen=True, kw_only=True)
class FittedModels:
    """The models of a study at one cutoff.

    Attributes
    ----------
    value
        None where nothing is known of money.
    horizons, counts
        What the other horizons add, and the counts of purchases; None for a snapshot, which has no
        time.
    promotions
        They are in the models already; the forecast by week needs them once more.
    """

    churn: ChurnModel
    value: ValueModel | None = None
    horizons: "HorizonModel | None" = None
    counts: "CountModel | RenewalModel | None" = None
    promotions: Promotions = NO_PROMOTIONS
    findings: tuple[Finding, ...] = ()

    @property
    def tasks(self) -> dict[str, Model]:
        """ "churn" and, where money is known, "value"."""
        return {"churn": self.churn, **({"value": self.value} if self.value else {})}

    @property
    def algorithms(self) -> str:
        """What was fitted, in a line."""
        named = {**self.tasks, **({"counts": self.counts} if self.counts else {})}
        return ", ".join(f"{name}: {model.algorithm}" for name, model in named.items())

    def parts(self) -> dict[str, bytes]:
        """The models as files, each below the folder of its name."""
        models = {**self.tasks, "horizons": self.horizons, "counts": self.counts}
        return {
            f"{folder}/{name}": data
            for folder, model in models.items()
            if model is not None
            for name, data in model.parts().items()
        }
