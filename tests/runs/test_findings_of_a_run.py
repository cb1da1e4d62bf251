"""A run says what it does: what it gives is not called withheld."""

from holdfast.findings import Finding
from holdfast.runs.fitting import _given_all_the_same


def test_what_a_run_gives_all_the_same_is_not_called_withheld() -> None:
    few = Finding.of("few-churned", evidence="3 of 100", withheld="churn", longest=9)
    assert few.meaning.startswith("Withheld: churn.")
    (said,) = _given_all_the_same([few])
    assert said.meaning.startswith("Given all the same, and not to be relied on: churn.")
