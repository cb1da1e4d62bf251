"""The churn window of a study, from its files."""

from pathlib import Path

import pytest

from holdfast.errors import StudyError
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.quality.churn_window import churn_window
from holdfast.quality.sufficiency import check_log
from holdfast.setup.simulate import simulate_to
from holdfast.study import Study
from holdfast.synthetic import Shop


class Heard:
    """Remembers the steps."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def start(self, step: str) -> None:
        self.steps.append(step)

    def advance(self, step: str, what: str, *, done: int, total: int) -> None:
        pass

    def finish(self, step: str, *, seconds: float, detail: str) -> None:
        self.steps.append(detail)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    shop = Shop(n_customers=800, seed=7, events_per_purchase=0.0)
    return Study.from_toml(simulate_to(tmp_path_factory.mktemp("shop") / "shop", shop).study)


def test_a_study_is_asked_from_its_files_and_leaves_nothing_behind(study: Study) -> None:
    heard = Heard()
    found = churn_window(study, listener=heard)
    assert found.regime.name == "non-contractual"
    assert found.window.days is not None
    assert heard.steps[0] == "Read the log"
    assert heard.steps[-1] == f"{found.window.days} days"
    assert not (Path(study.project_dir) / "runs").exists()
    assert [row["horizon_days"] for row in found.as_dict()["labels"]] == sorted(
        {30, 90, 180, 365, found.window.days}
    )


def test_a_snapshot_has_no_gaps_to_ask() -> None:
    snapshot = {
        "path": "nowhere.csv",
        "as_of": "2024-01-01",
        "columns": {"customer_id": "id"},
        "labels": {"churned": "gone"},
    }
    with pytest.raises(StudyError, match="snapshot"):
        churn_window(Study.from_dict({"study": {"name": "s"}, "snapshot": snapshot}))


def test_the_log_is_enough(study: Study, tmp_path: Path) -> None:
    with Warehouse(tmp_path) as warehouse:
        ingested = read_order_log(study, warehouse)
        assert check_log(study, warehouse, end_day=ingested.end_day).findings == ()
