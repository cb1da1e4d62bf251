"""What changed a score, laid out part by part and segment by segment."""

from typing import Any

from holdfast.report.change_tables import change_parts, segment_changes, who_came_and_went

CHURN: dict[str, Any] = {
    "task": "churn",
    "before": 0.25,
    "after": 0.5,
    "change": 1.0986,
    "parts": [
        {
            "part": "time",
            "cause": "time passed",
            "contribution": 1.2986,
            "points": 0.30,
            "reasons": [
                {"sentence": "no order for 40 days", "contribution": 1.2986, "points": 0.30}
            ],
        },
        {"part": "model", "cause": "the model", "contribution": -0.2, "points": -0.05}
        | {"reasons": []},
    ],
}


def test_a_change_ends_with_the_sum_of_its_parts_in_points_of_probability() -> None:
    rows = change_parts(CHURN, currency="EUR").rows
    assert [row["what"] for row in rows] == [
        "Time passed", "· No order for 40 days", "The model", "The whole change",
    ]  # fmt: skip
    assert [round(row["points"], 6) for row in rows] == [30.0, 30.0, -5.0, 25.0]
    assert [row["contribution"] for row in rows] == [1.2986, 1.2986, -0.2, 1.0986]


def test_a_segment_shows_each_part_beside_before_and_now() -> None:
    segment = {"segment": "Champion", "customers": 7, "tasks": [CHURN]}
    (row,) = segment_changes([segment], "churn", currency="EUR").rows
    assert (row["before"], row["after"], row["customers"]) == (0.25, 0.5, 7)
    assert (round(row["time"], 6), round(row["model"], 6)) == (30.0, -5.0)
    assert segment_changes([segment], "value", currency="EUR").rows == []


def test_who_is_in_one_run_only_is_counted_with_what_they_bring() -> None:
    changes = {
        "customers": 90,
        "new": {"customers": 1, "expected_revenue": 12.0},
        "gone": {"customers": 3, "expected_revenue": 40.0},
    }
    assert who_came_and_went(changes, currency="EUR") == (
        "Both runs have 90 customers, of whom this tells. Besides, 1 customer came in, expected to "
        "bring €12, and 3 customers dropped out, expected to bring €40."
    )
    assert who_came_and_went({"customers": 90}, currency="EUR") == ""
