"""Lucky split: is the figure of the one test split better than what cross-validation gives?"""

from collections.abc import Mapping

from holdfast.findings import Finding

_LUCK = 0.002
"""A smaller difference is not worth a reader's time."""
_NAMES = {"roc_auc": "ROC-AUC", "f1": "F1", "r2": "R2"}


def lucky_split(
    task: str, *, test: Mapping[str, float], cross_validated: Mapping[str, float]
) -> tuple[Finding, ...]:
    """Put the figures of the test split beside those of cross-validation where the split flatters.

    Parameters
    ----------
    task
        "churn" or "value".
    test, cross_validated
        Metric -> figure, by the names `roc_auc`, `f1` and `r2`; others are not looked at.

    Examples
    --------
    >>> lucky_split("churn", test={"roc_auc": 0.9836},
    ...     cross_validated={"roc_auc": 0.9781})[0].evidence
    'churn: ROC-AUC is 0.9836 on the test customers and 0.9781 in cross-validation'
    """
    flattered = [
        name
        for name in _NAMES
        if name in test and test[name] - cross_validated.get(name, test[name]) > _LUCK
    ]
    if not flattered:
        return ()
    told = (
        f"{_NAMES[name]} is {test[name]:.4f} on the test customers and {cross_validated[name]:.4f} "
        "in cross-validation"
        for name in flattered
    )
    return (
        Finding.note(
            f"lucky-{task}-split",
            evidence=f"{task}: {'; '.join(told)}",
            meaning="Part of the better figure is the luck of one split.",
            fix="Quote the figures of cross-validation.",
        ),
    )
