"""[stream] says from where events arrive, and refuses what could not work."""

from typing import Any

import pytest

from holdfast.errors import StudyError
from holdfast.stream.judging import require_streamable
from holdfast.study import Study

COLUMNS = {"customer_id": "who", "occurred_at": "at", "event_id": "id", "amount": "amount"}


def study(stream: dict[str, Any] | None = None, **more: Any) -> Study:
    raw = {
        "study": {"name": "t"},
        "transactions": {"path": "orders.csv", "columns": COLUMNS},
        "stream": stream or {"source": "outbox"},
        **more,
    }
    return Study.from_dict(raw)


@pytest.mark.parametrize(
    ("stream", "problem"),
    [
        ({"source": "file"}, "names no path"),
        ({"source": "kafka", "topic": "shop"}, "needs url and topic"),
        ({"source": "redis", "url": "${REDIS}"}, "needs url and topic"),
        ({"source": "outbox", "postgres_schema": "a; drop"}, "is no plain name"),
        (
            {"source": "jetstream", "url": "nats://shop:secret@host", "topic": "shop"},
            "has a password written out",
        ),
        (
            {"source": "kafka", "url": "h:1", "topic": "t", "options": {"sasl.password": "x"}},
            "has a password written out",
        ),
        ({"source": "outbox", "batch_event": 3}, "no key 'stream.batch_event'"),
    ],
)
def test_what_cannot_work_is_refused(stream: dict[str, Any], problem: str) -> None:
    with pytest.raises(StudyError, match=problem):
        study(stream)


def test_no_figure_of_a_run_depends_on_the_stream() -> None:
    assert study().fingerprint == study({"source": "outbox", "batch_ms": 5}).fingerprint


def test_a_stream_without_ids_is_refused_with_the_reason_and_the_fix() -> None:
    columns = {name: column for name, column in COLUMNS.items() if name != "event_id"}
    orders = {"path": "orders.csv", "columns": columns}
    with pytest.raises(StudyError, match="an event that arrives twice would count twice") as e:
        require_streamable(study(transactions=orders))
    assert e.value.fix == (
        "name the column that tells its rows apart: event_id in [transactions.columns]"
    )
    require_streamable(study())


def test_an_amount_of_a_whole_order_cannot_be_judged_line_by_line() -> None:
    orders = {
        "path": "orders.csv", "amount_of": "order", "columns": {**COLUMNS, "order_id": "order"}
    }  # fmt: skip
    with pytest.raises(StudyError, match="needs all lines of an order at once"):
        require_streamable(study(transactions=orders))
