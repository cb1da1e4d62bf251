"""Experiments of a study: what is drawn to keep them short, what is written and when."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.campaigns.experiments.contact_list import Draw
from holdfast.campaigns.uplift import log_verdicts
from holdfast.decisions.experiments import (
    Question,
    judge_past_offers,
    plan_experiment,
    read_campaigns,
    write_contact_list,
)
from holdfast.errors import HoldfastError, InputError, NotEnoughData, StudyError
from holdfast.setup.simulate import simulate_to
from holdfast.storage import audit_log
from holdfast.storage.runs import Registry
from holdfast.study import Study
from holdfast.synthetic import Shop


def study_in(folder: Path) -> Study:
    source = {"path": "o.csv", "columns": {"customer_id": "c", "occurred_at": "t"}}
    given = {"study": {"name": "s"}, "project_dir": str(folder), "transactions": source}
    return Study.from_dict(given)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("experiments") / "shop"
    return Study.from_toml(simulate_to(folder, Shop(n_customers=300, seed=5)).study)


def test_a_log_without_amounts_is_read_for_purchases_alone(study: Study) -> None:
    log = study.transactions
    assert log is not None
    columns = log.columns.model_copy(update={"quantity": None, "unit_price": None})
    without = study.model_copy(update={"transactions": log.model_copy(update={"columns": columns})})
    (result,) = read_campaigns(without, "campaign-4", days=30).results
    assert result.effects["outcome"].unique().to_list() == ["bought"]
    assert "margin" not in result.rows[0]
    assert judge_past_offers(without, days=30).watch.outcome == "purchase"


def test_a_snapshot_has_no_campaigns(tmp_path: Path) -> None:
    snapshot: dict[str, Any] = {
        "path": "x.csv",
        "as_of": "2024-01-01",
        "columns": {"customer_id": "id"},
        "labels": {"churned": "left"},
    }
    only = Study.from_dict({"study": {"name": "s"}, "snapshot": snapshot})
    with pytest.raises(StudyError, match="a snapshot does not say what customers did"):
        read_campaigns(only, days=30)


def test_sizes_go_from_a_part_of_the_shop_to_many_times_it(study: Study) -> None:
    plan = plan_experiment(study, Question(effect=0.3, outcome="purchase"))
    sizes = plan.curve.curve["size"].to_list()
    assert sizes[0] >= 40
    assert sizes[-1] == 16 * plan.customers
    assert plan.design.size == plan.customers
    # A share of 1 % needs 2,000 customers for 20 in the smaller arm.
    rare = plan_experiment(study, Question(effect=0.3, holdout_share=0.01, size=2_000))
    assert rare.curve.curve["size"].min() >= 2_000  # type: ignore[operator]


def test_an_effect_that_is_none_is_no_question() -> None:
    with pytest.raises(InputError, match="an effect of 0 cannot be planned for"):
        Question(effect=0)
    with pytest.raises(InputError, match="an effect of nan"):
        Question(effect=float("nan"))


def test_of_many_rows_a_part_is_drawn_to_compare_rankings(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_verdicts, "MOST_COMPARED", 400)
    monkeypatch.setattr(log_verdicts, "ONCE_FROM", 400)
    asked: dict[str, Any] = {}

    def judge(trials: Any, **options: Any) -> tuple[()]:
        asked.update(options, rows=sum(trial.n for trial in trials.values()))
        return ()

    monkeypatch.setattr(log_verdicts, "judge_offers", judge)
    judged = judge_past_offers(study, days=30)
    assert asked["rows"] == judged.rows > 400
    assert (asked["repeats"], asked["most_rows"]) == (1, 400)
    assert "long since the last purchase" in asked["rules"]


def test_a_window_that_no_campaign_has_passed_is_refused(study: Study) -> None:
    with pytest.raises(NotEnoughData, match="window not over yet"):
        judge_past_offers(study, days=900)


def test_a_list_that_cannot_be_written_is_in_the_audit_log_as_failed(
    simulated_shop: Path, tmp_path: Path
) -> None:
    run = Registry(simulated_shop / "runs").open()
    draw = Draw(campaign="spring", holdout_share=0.5)
    with pytest.raises(HoldfastError, match="cannot be written"):
        write_contact_list(run, tmp_path / "nowhere" / "spring.csv", draw, study=study_in(tmp_path))
    assert [entry["what"] for entry in audit_log.entries(tmp_path)] == ["assign", "assign failed"]


def test_an_id_that_a_spreadsheet_would_run_is_neutralised(
    simulated_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Registry(simulated_shop / "runs").open()
    ids = ["=1+1", "C1", "C2", "C3"]
    scores = pl.DataFrame({"customer_id": ids, "segment": ["Champion"] * 4})
    monkeypatch.setattr(type(run), "scores", scores)
    draw = Draw(campaign="a", holdout_share=0.5)
    written = write_contact_list(run, tmp_path / "list.csv", draw, study=study_in(tmp_path))
    texts = [path.read_text(encoding="utf-8") for path in (written.contact, written.holdout)]
    assert sum(line.startswith("'=1+1,") for text in texts for line in text.splitlines()) == 1
