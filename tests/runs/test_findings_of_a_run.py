"""A run says what it does: what it gives is not called withheld."""

from pathlib import Path

from holdfast.io.runs import Registry


def test_what_a_run_gives_all_the_same_is_not_called_withheld(simulated_shop: Path) -> None:
    findings = Registry(simulated_shop / "runs").open().summary["findings"]
    meanings = {finding["name"]: finding["meaning"] for finding in findings}
    assert not [name for name, meaning in meanings.items() if "Withheld" in meaning]
    assert "not to be relied on: churn" in meanings["few-churned"] + meanings.get("few-kept", "")
