"""Lucky split: is the figure of the one test split better than what cross-validation gives?"""

from collections.abc import Iterator

from holdfast.audits.question import Audit
from holdfast.audits.subjects import Proof
from holdfast.findings import Finding

_LUCK = 0.002
"""A smaller difference is not worth a reader's time."""
_NAMES = {"roc_auc": "ROC-AUC", "f1": "F1", "r2": "R2"}


def find_lucky_split(proof: Proof) -> Iterator[Finding]:
    """Put the figures of the test split beside those of cross-validation where the split flatters.

    Examples
    --------
    >>> import polars as pl
    >>> proof = Proof(predictions=pl.DataFrame(), baselines={},
    ...     figures={"churn": {"roc_auc": 0.9836}}, cross_validated={"churn": {"roc_auc": 0.9781}})
    >>> next(find_lucky_split(proof)).evidence
    'churn: ROC-AUC is 0.9836 on the test customers and 0.9781 in cross-validation'
    """
    for task, folds in (proof.cross_validated or {}).items():
        test = proof.figures.get(task, {})
        flattered = [
            f"{_NAMES[name]} is {test[name]:.4f} on the test customers and {folds[name]:.4f} in "
            "cross-validation"
            for name in _NAMES
            if name in test and name in folds and test[name] - folds[name] > _LUCK
        ]
        if flattered:
            yield Finding.of("lucky-{task}-split", task=task, figures="; ".join(flattered))


AUDIT = Audit("lucky split", "Does the test flatter?", find_lucky_split, needs=("cross_validated",))
