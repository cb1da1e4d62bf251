"""Actions: what should be done about a customer, as the run that scores them says it.

First comes who is to be left alone: whoever may not be contacted, and whoever was drawn by lot to
be without a campaign, since a message to them would spoil what proves that messages work.
"""

from dataclasses import dataclass
from typing import Any

import polars as pl

from holdfast.campaigns.experiments.assignment import GLOBAL_SALT, hold_out
from holdfast.campaigns.treatments import CONTACT
from holdfast.serving.load import has_table, load_study
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.tables import PERMISSIONS, PLAN

_NONE = "Nothing is laid down for this segment"


@dataclass(frozen=True, kw_only=True)
class Actions:
    """What a run says should be done.

    Attributes
    ----------
    plan, permissions
        PLAN and PERMISSIONS of the run; without rows where it has none.
    """

    study: Study
    plan: pl.DataFrame
    permissions: pl.DataFrame

    @classmethod
    def load(cls, run: Run) -> "Actions":
        """Read them from a published run."""
        plan, permissions = (
            run.table(contract.name) if has_table(run, contract.name) else contract.empty()
            for contract in (PLAN, PERMISSIONS)
        )
        return cls(study=load_study(run), plan=plan, permissions=permissions)

    def recommend(self, customers: pl.DataFrame) -> pl.Series:
        """One sentence for each customer.

        Parameters
        ----------
        customers
            customer_id and segment.
        """
        first = {name: lines[0] for name, lines in self.study.actions.items() if lines}
        share = self.study.campaigns.global_holdout
        held = hold_out(customers["customer_id"], salt=GLOBAL_SALT, share=share)
        described = (
            customers.select("customer_id", pl.col("segment").cast(pl.String), held=held)
            .join(self.permissions, on="customer_id", how="left", maintain_order="left")
            .join(
                self.plan.select("customer_id", "offer", "arm"),
                on="customer_id", how="left", maintain_order="left",
            )
        )  # fmt: skip
        may_not = pl.format("Do not contact: {}", pl.col("why_not").fill_null("no permission"))
        action: Any = (
            pl.when(~pl.col("may_contact"))
            .then(may_not)
            .when("held")
            .then(pl.lit("Leave alone: held out of every campaign, to prove what they do"))
            .when(pl.col("arm") == CONTACT)
            .then(pl.format("Contact with the offer '{}', as the plan says", "offer"))
            .when(pl.col("arm").is_not_null())
            .then(pl.lit("Leave alone: held out of the plan, to prove what it does"))
            .otherwise(pl.col("segment").replace_strict(first, default=_NONE))
        )
        return described.select(action=action).to_series()
