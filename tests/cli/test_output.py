"""What a command prints, for people and for machines."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from holdfast.cli.output import print_error, print_json, run_ids, study_from
from holdfast.errors import DataError, StudyError

RUN_ID = "20260101T000000Z-00000001"
STUDY = '[study]\nname = "shop"\n\n[transactions]\npath = "orders.csv"\n'
STUDY += '[transactions.columns]\ncustomer_id = "id"\noccurred_at = "day"\namount = "amount"\n'
ERROR = DataError("there is no column 'custmer'", fix="did you mean 'customer'?", column="custmer")


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "holdfast.toml"
    path.write_text(STUDY, encoding="utf-8")
    (tmp_path / "runs" / RUN_ID).mkdir(parents=True)
    return str(path)


def context(config: str) -> Any:
    return cast(Any, SimpleNamespace(params={"config": config}))


def test_an_error_for_people_goes_to_stderr_with_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["holdfast", "run"])
    print_error(ERROR)
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines() == [
        "Error: there is no column 'custmer'",
        "  Fix: did you mean 'customer'?",
    ]


def test_an_error_for_machines_is_one_object_on_stdout(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["holdfast", "run", "--json"])
    print_error(ERROR)
    output = capsys.readouterr()
    assert output.err == ""
    assert json.loads(output.out)["error"] == {
        "code": "DataError",
        "problem": "there is no column 'custmer'",
        "fix": "did you mean 'customer'?",
        "column": "custmer",
    }


def test_what_is_no_number_is_refused_rather_than_printed() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"auc": float("nan")})


def test_a_study_is_read_with_its_overrides(config: str) -> None:
    study = study_from(config, ["churn.horizon_days=30", "study.seed = 7"])
    assert (study.churn.horizon_days, study.seed) == (30, 7)
    with pytest.raises(StudyError, match="--set seed has no value") as error:
        study_from(config, ["seed"])
    assert error.value.fix == "write --set key=value"


def test_a_shell_completes_a_run_by_its_id_or_by_what_it_is(config: str) -> None:
    assert run_ids(context(config), "") == ["champion", "latest", RUN_ID]
    assert run_ids(context(config), "2026") == [RUN_ID]
    assert run_ids(context("nowhere.toml"), "l") == ["latest"]
