"""Who may be contacted at all, and the two files of a campaign."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import polars as pl
import pytest

from holdfast.decisions import contacts
from holdfast.decisions.contacts import drop_untouchable, write_arms
from holdfast.errors import InputError
from holdfast.storage import audit_log
from holdfast.storage.run_folder import Run
from holdfast.study import Study

CUSTOMERS = pl.DataFrame({"customer_id": [f"c{i}" for i in range(400)]})
SOURCE = {"path": "o.csv", "columns": {"customer_id": "c", "occurred_at": "t"}}


def study(share: float = 0.0) -> Study:
    given = {"study": {"name": "s"}, "transactions": SOURCE, "campaigns": {"global_holdout": share}}
    return Study.from_dict(given)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that knows of all but the last customer, and that two of them said no."""
    known = CUSTOMERS.head(399).with_columns(
        may_contact=~pl.col("customer_id").is_in(["c1", "c2"]),
        why_not=pl.when(pl.col("customer_id").is_in(["c1", "c2"])).then(pl.lit("no consent")),
    )
    monkeypatch.setattr(contacts, "read_table", lambda _, name: {"permissions": known}[name])
    return cast(Run, SimpleNamespace(run_id="r"))


def test_nobody_who_may_not_be_contacted_is_left_and_how_many_is_said(run: Run) -> None:
    left, notes = drop_untouchable(CUSTOMERS, run, study())
    assert set(CUSTOMERS["customer_id"]) - set(left["customer_id"]) == {"c1", "c2", "c399"}
    assert notes == [
        "3 customers may not be contacted and are left out: 2 no consent, 1 not in the run"
    ]


def test_who_is_held_out_of_every_campaign_is_left_out_of_this_one(run: Run) -> None:
    left, (_, note) = drop_untouchable(CUSTOMERS, run, study(0.25))
    assert 60 < 397 - left.height < 140
    assert note == f"{397 - left.height} customers left out, held out of every campaign"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_each_arm_is_a_file_of_its_own_and_on_record_before(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"spring{suffix}"
    other = write_arms(
        path, CUSTOMERS.head(3), CUSTOMERS.tail(1), project=tmp_path, deed="plan", run_id="r"
    )
    read = pl.read_csv if suffix == ".csv" else pl.read_parquet
    assert other.name == f"spring-holdout{suffix}"
    assert (read(path).height, read(other).height) == (3, 1)
    (line,) = audit_log.entries(tmp_path)
    assert (line["what"], line["contacted"], line["held_out"]) == ("plan", 3, 1)


def test_a_list_of_another_kind_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no list"):
        write_arms(tmp_path / "a.xlsx", CUSTOMERS, CUSTOMERS, project=tmp_path, deed="plan")
    assert list(tmp_path.iterdir()) == []
