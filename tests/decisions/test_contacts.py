"""The two files of a campaign, and the record of both arms."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.campaigns.export_journal import CampaignList
from holdfast.decisions import contacts
from holdfast.decisions.contacts import write_arms
from holdfast.decisions.list_formats import Receiver, find_format, normalise_addresses
from holdfast.errors import HoldfastError, InputError
from holdfast.storage import audit_log
from holdfast.storage.export_records import read_exports, sent_exports
from holdfast.study import Study
from holdfast.study.sources import Treatments

CUSTOMERS = pl.DataFrame({"customer_id": [f"c{i}" for i in range(400)]})
SOURCE = {"path": "o.csv", "columns": {"customer_id": "c", "occurred_at": "t"}}


def study() -> Study:
    return Study.from_dict({"study": {"name": "s"}, "transactions": SOURCE})


def _listed(name: str = "spring", *, offers: Sequence[str | None] = (None,)) -> CampaignList:
    """Of four customers three are contacted."""
    arms = CUSTOMERS.head(4).with_columns(
        treated=pl.Series([True, True, True, False]),
        propensity=pl.lit(0.75),
        offer=pl.Series([offers[i % len(offers)] for i in range(4)], dtype=pl.String),
        cost=pl.lit(2.0),
    )
    return CampaignList(campaign=name, made_by="plan", run_id="r", arms=arms)


def _write(path: Path, listed: CampaignList | None = None, **more: Any) -> contacts.ContactList:
    here = study().model_copy(update={"project_dir": str(path.parent), **more})
    arms = (CUSTOMERS.head(3), CUSTOMERS[3:4])
    return write_arms(path, *arms, listed=listed or _listed(), study=here)


def _recorded(project: Path) -> pl.DataFrame:
    (path,) = (project / "exports").iterdir()
    return pl.read_parquet(path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_each_arm_is_a_file_of_its_own_and_on_record_before(tmp_path: Path, suffix: str) -> None:
    written = _write(tmp_path / f"spring{suffix}")
    read = pl.read_csv if suffix == ".csv" else pl.read_parquet
    assert written.holdout.name == f"spring-holdout{suffix}"
    assert (read(written.contact).height, read(written.holdout).height) == (3, 1)
    (line,) = audit_log.entries(tmp_path)
    assert (line["what"], line["contacted"], line["held_out"]) == ("plan", 3, 1)
    (entry,) = sent_exports(tmp_path)
    assert (entry["campaign"], entry["how"], entry["run_id"]) == ("spring", suffix[1:], "r")
    rows = _recorded(tmp_path)
    assert rows["campaign"].unique().to_list() == ["spring"]
    assert rows["treated"].to_list() == [True, True, True, False]
    assert rows["cost"].to_list() == [2.0, 2.0, 2.0, 0.0]
    assert rows["propensity"].unique().to_list() == [0.75]


def test_several_offers_of_a_list_are_as_many_campaigns(tmp_path: Path) -> None:
    # Who was held out of the call is no comparison for those who got a letter.
    _write(tmp_path / "spring.csv", _listed(offers=("call", "letter")))
    rows = _recorded(tmp_path).select("campaign", "offer", "treated").rows()
    assert rows == [
        ("spring: call", "call", True),
        ("spring: letter", "letter", True),
        ("spring: call", "call", True),
        ("spring: letter", "letter", False),
    ]
    (entry,) = sent_exports(tmp_path)
    assert entry["campaign"] == "spring"


def test_a_list_of_another_kind_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no list"):
        _write(tmp_path / "a.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_a_list_that_cannot_be_recorded_does_not_leave(tmp_path: Path) -> None:
    (tmp_path / "exports").write_text("no folder", encoding="utf-8")
    with pytest.raises(HoldfastError, match="exports cannot be written"):
        _write(tmp_path / "spring.csv")
    assert not list(tmp_path.glob("spring*"))


def test_a_list_that_cannot_be_written_is_withdrawn_again(tmp_path: Path) -> None:
    here = study().model_copy(update={"project_dir": str(tmp_path)})
    arms = (CUSTOMERS.head(3), CUSTOMERS[3:4])
    with pytest.raises(HoldfastError, match="cannot be written"):
        write_arms(tmp_path / "no" / "a.csv", *arms, listed=_listed(), study=here)
    assert sent_exports(tmp_path) == []
    assert [entry["campaign"] for entry in read_exports(tmp_path)] == ["spring"]
    # The name is free again.
    assert write_arms(tmp_path / "a.csv", *arms, listed=_listed(), study=here).contacted == 3


def test_a_name_that_a_campaign_has_is_refused(tmp_path: Path) -> None:
    _write(tmp_path / "a.csv")
    with pytest.raises(InputError, match="'spring' was exported before") as refused:
        _write(tmp_path / "b.csv")
    assert "holdfast experiment withdraw spring" in refused.value.fix
    (tmp_path / "o.csv").write_text("c,t\nc1,2024-01-01\n", encoding="utf-8")
    (tmp_path / "t.csv").write_text("c,t,k,d\nc1,2024-01-01, autumn ,1\n", encoding="utf-8")
    columns = {"customer_id": "c", "occurred_at": "t", "campaign": "k", "treated": "d"}
    own = Treatments.model_validate({"path": "t.csv", "columns": columns})
    with pytest.raises(InputError, match=r"\[treatments\] has a campaign 'autumn'"):
        _write(tmp_path / "b.csv", _listed("autumn"), treatments=own)
    assert not (tmp_path / "b.csv").exists()


def test_a_list_without_a_name_is_named_by_the_day_and_never_as_another(tmp_path: Path) -> None:
    here = study().model_copy(update={"project_dir": str(tmp_path)})
    first = contacts.name_by_day("plan", here)
    assert re.fullmatch(r"plan-\d{4}-\d\d-\d\d", first)
    _write(tmp_path / "a.csv", _listed(first))
    assert contacts.name_by_day("plan", here) == f"{first}-2"


def _addresses(*emails: str | None) -> Receiver:
    ids = CUSTOMERS["customer_id"][: len(emails)]
    raw = pl.DataFrame({"customer_id": ids, "email": emails, "phone": [None] * len(emails)},
                       schema_overrides={"email": pl.String, "phone": pl.String})  # fmt: skip
    return Receiver(form=find_format("klaviyo"), addresses=normalise_addresses(raw))


def test_a_list_for_a_receiver_has_its_columns_and_its_arms_are_recorded_so(
    tmp_path: Path,
) -> None:
    written = write_arms(
        tmp_path / "spring.csv", CUSTOMERS.head(3), CUSTOMERS[3:4], listed=_listed(),
        study=study().model_copy(update={"project_dir": str(tmp_path)}),
        receiver=_addresses("A@x.de", None, "c@x.de", "d@x.de"),
    )  # fmt: skip
    assert written.contact.read_text(encoding="utf-8") == (
        "Email,Customer ID,Campaign\na@x.de,c0,spring\nc@x.de,c2,spring\n"
    )
    assert written.holdout.read_text(encoding="utf-8") == (
        "Email,Customer ID,Campaign\nd@x.de,c3,spring\n"
    )
    # Who could not be reached was in no campaign.
    assert _recorded(tmp_path)["customer_id"].to_list() == ["c0", "c2", "c3"]
    assert written.notes == ("1 customer with no email or phone that can be used left out",)


def test_a_list_that_would_reach_nobody_is_neither_written_nor_recorded(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nobody is left to contact"):
        write_arms(
            tmp_path / "spring.csv", CUSTOMERS.head(3), CUSTOMERS[3:4], listed=_listed(),
            study=study().model_copy(update={"project_dir": str(tmp_path)}),
            receiver=_addresses(None, None, None, "d@x.de"),
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []
