"""Two audiences beside each other."""

import polars as pl

from holdfast.campaigns.audience import Audience, Rule
from holdfast.campaigns.audience_comparison import compare_audiences


def audience(name: str, arms: dict[str, str], **figures: float) -> Audience:
    every = dict.fromkeys(("contacted", "held_out", "saves", "invested", "recovered", "net"), 0)
    customers = pl.DataFrame({"customer_id": list(arms), "arm": list(arms.values())})
    return Audience(
        rule=Rule(name=name), run_id="r", cutoff_day=1, customers=customers,
        figures={**every, **figures},
    )  # fmt: skip


def test_whom_both_contact_is_counted_without_those_held_out() -> None:
    first = audience("spring", {"a": "contact", "b": "contact", "c": "hold out"}, net=5.0)
    second = audience("summer", {"b": "contact", "c": "contact", "d": "contact"}, net=9.0)
    compared = compare_audiences(first, second)
    assert (compared.in_both, compared.only_first, compared.only_second) == (1, 1, 2)
    assert [(row["audience"], row["net"]) for row in compared.rows] == [
        ("spring", 5.0),
        ("summer", 9.0),
    ]
