"""Recorded exports as treatments: which are read, as of which day, and beside which."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.campaigns.audiences import build

from holdfast.campaigns.export_journal import CampaignList, recording, save_audience
from holdfast.campaigns.export_journal import withdraw_exports as withdraw
from holdfast.errors import DataError, StudyError
from holdfast.ingest.contacts.exports import AGAIN, OF_THE_STUDY
from holdfast.ingest.order_log import OrderLog, read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.storage.export_records import sent_exports, treatments_file
from holdfast.storage.pseudonyms import Pseudonyms
from holdfast.study import Study
from holdfast.tables import TREATMENTS

AT = datetime(2024, 7, 2, 1, 30, tzinfo=UTC)
DAY = 19_906  # 2024-07-02
OWN = {"customer_id": "c", "occurred_at": "t", "campaign": "k", "treated": "d"}


def send(project: Path, campaign: str = "spring", **changes: Any) -> None:
    """Record a list: ann and bob are contacted, cid is held out."""
    arms = pl.DataFrame(
        {
            "customer_id": ["ann", "bob", "cid"],
            "treated": [True, True, False],
            "propensity": 0.5,
            "offer": "mail",
            "cost": 1.25,
        }
    ).with_columns(changes.pop("arms", []))
    listed = CampaignList(campaign=campaign, made_by="plan", run_id="r", arms=arms)
    with recording(listed, project, **{"at": AT, "how": "csv", **changes}):
        pass


def read(project: Path, **more: Any) -> tuple[OrderLog, pl.DataFrame | None]:
    """The log, and its treatments by customer."""
    lines = "".join(f"{name},2024-06-01,10\n" for name in ("ann", "bob", "cid"))
    (project / "o.csv").write_text(f"c,t,a\n{lines}", encoding="utf-8")
    columns = {"customer_id": "c", "occurred_at": "t", "amount": "a"}
    given = {"name": "s", "project_dir": str(project), **more}
    study = Study.from_dict({**given, "transactions": {"path": "o.csv", "columns": columns}})
    with Warehouse.temporary() as warehouse:
        log = read_order_log(study, warehouse)
        if not warehouse.has("treatments"):
            return log, None
        table = warehouse.query("SELECT * FROM treatments ORDER BY customer_id, campaign")
        return log, TREATMENTS.check(table)


def own(project: Path, campaign: str) -> dict[str, Any]:
    """The study's own record of a campaign of ann."""
    (project / "t.csv").write_text(f"c,t,k,d\nann,2024-07-01,{campaign},1\n", encoding="utf-8")
    return {"treatments": {"path": "t.csv", "columns": OWN}}


def test_an_export_is_a_campaign_of_a_study_that_names_none(tmp_path: Path) -> None:
    assert read(tmp_path)[1] is None
    send(tmp_path)
    log, found = read(tmp_path)
    assert found is not None
    assert found.select("customer_id", "day", "campaign", "treated", "cost_minor").rows() == [
        ("ann", DAY, "spring", True, 125),
        ("bob", DAY, "spring", True, 125),
        ("cid", DAY, "spring", False, 0),
    ]
    assert (found["offer"].unique().to_list(), found["propensity"].unique().to_list()) == (
        ["mail"],
        [0.5],
    )
    assert log.sources[-1].name == "exports"
    assert (log.rows.read, log.rows.accepted) == (6, 6)


def test_the_day_of_an_export_is_the_day_of_the_business(tmp_path: Path) -> None:
    send(tmp_path)  # at half past one in London it is still the day before in New York
    found = read(tmp_path, time_zone="America/New_York")[1]
    assert found is not None
    assert found["day"].unique().to_list() == [DAY - 1]


def test_a_contact_counts_as_one_and_moves_the_fingerprint_of_the_data(tmp_path: Path) -> None:
    before, _ = read(tmp_path)
    send(tmp_path)
    after, _ = read(tmp_path)
    again, _ = read(tmp_path)
    assert before.fingerprint != after.fingerprint == again.fingerprint
    withdraw(tmp_path, "spring", at=AT)
    assert read(tmp_path)[0].fingerprint == before.fingerprint


def test_the_studys_own_record_of_a_campaign_wins(tmp_path: Path) -> None:
    send(tmp_path)
    send(tmp_path, "autumn")
    log, found = read(tmp_path, **own(tmp_path, "spring"))
    assert found is not None
    assert found.select("customer_id", "campaign", "day").rows() == [
        ("ann", "autumn", DAY),
        ("ann", "spring", DAY - 1),
        ("bob", "autumn", DAY),
        ("cid", "autumn", DAY),
    ]
    assert log.reasons["exports"] == {OF_THE_STUDY: 3}


def test_all_offers_of_a_list_are_the_campaign_that_the_study_knows(tmp_path: Path) -> None:
    send(tmp_path, arms=[pl.Series("offer", ["mail", "call", "mail"])])
    log, _ = read(tmp_path, **own(tmp_path, "spring"))
    assert log.reasons["exports"] == {OF_THE_STUDY: 3}


def test_what_was_saved_withdrawn_or_switched_off_is_no_campaign(tmp_path: Path) -> None:
    save_audience(build(name="saved", rate=0.4), tmp_path, at=AT)
    assert read(tmp_path)[1] is None
    send(tmp_path)
    send(tmp_path, "autumn")
    withdraw(tmp_path, "autumn", at=AT)
    found = read(tmp_path)[1]
    assert found is not None
    assert found["campaign"].unique().to_list() == ["spring"]
    assert read(tmp_path, campaigns={"read_exports": False})[1] is None


def test_one_audience_as_two_files_of_a_day_counts_once(tmp_path: Path) -> None:
    send(tmp_path)
    send(tmp_path, how="parquet", at=AT.replace(minute=50))
    log, found = read(tmp_path)
    assert found is not None
    assert found.height == 3
    assert log.reasons["exports"] == {AGAIN: 3}


def test_whom_two_files_of_a_day_put_in_two_arms_is_in_both(tmp_path: Path) -> None:
    send(tmp_path)
    swapped = pl.Series("treated", [False, True, False])
    send(tmp_path, how="parquet", at=AT.replace(minute=50), arms=[swapped])
    found = read(tmp_path)[1]
    assert found is not None
    assert found.filter(customer_id="ann")["treated"].sort().to_list() == [False, True]


def test_an_export_that_held_nobody_out_is_a_contact_and_says_nothing_of_its_offer(
    tmp_path: Path,
) -> None:
    send(tmp_path, arms=[pl.lit(True).alias("treated")])
    send(tmp_path, "autumn")
    found = read(tmp_path)[1]
    assert found is not None
    assert found.filter(campaign="spring")["offer"].to_list() == [None] * 3
    assert found.filter(campaign="autumn")["offer"].to_list() == ["mail"] * 3


def test_exports_of_older_versions_have_no_offer_and_are_read_beside_newer_ones(
    tmp_path: Path,
) -> None:
    send(tmp_path)
    (entry,) = sent_exports(tmp_path)
    path = treatments_file(tmp_path, entry["export_id"])
    pl.read_parquet(path).drop("offer").write_parquet(path)
    send(tmp_path, "autumn")
    found = read(tmp_path)[1]
    assert found is not None
    assert found.group_by("campaign", "offer").len().sort("campaign").rows() == [
        ("autumn", "mail", 3),
        ("spring", None, 3),
    ]


def test_a_damaged_export_is_named_with_how_to_be_rid_of_it(tmp_path: Path) -> None:
    send(tmp_path)
    (entry,) = sent_exports(tmp_path)
    treatments_file(tmp_path, entry["export_id"]).write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match="cannot be read") as damaged:
        read(tmp_path)
    assert f"withdraw {entry['export_id']}" in damaged.value.fix
    withdraw(tmp_path, entry["export_id"], at=AT)
    assert read(tmp_path)[1] is None


def test_exports_that_treatments_name_would_count_twice(tmp_path: Path) -> None:
    send(tmp_path)
    columns = {name: name for name in ("customer_id", "occurred_at", "campaign", "treated")}
    named = {"treatments": {"path": "exports/*.parquet", "columns": columns}}
    with pytest.raises(StudyError, match="are read without it") as refused:
        read(tmp_path, **named)
    assert "read_exports = false" in refused.value.fix
    found = read(tmp_path, **named, campaigns={"read_exports": False})[1]
    assert found is not None
    assert found.height == 3


def test_who_was_erased_does_not_come_back_by_an_export(tmp_path: Path) -> None:
    send(tmp_path)
    study = Study.from_dict(
        {
            "name": "s",
            "project_dir": str(tmp_path),
            "transactions": {"path": "o.csv", "columns": {"customer_id": "c", "occurred_at": "t"}},
        }
    )
    Pseudonyms.of(study, make_key=True).suppress(["bob"])
    log, found = read(tmp_path)
    assert found is not None
    assert found["customer_id"].to_list() == ["ann", "cid"]
    assert log.reasons["exports"] == {"erased on request": 1}


def test_a_pseudonym_in_an_export_is_the_one_of_the_log(tmp_path: Path) -> None:
    private = {"privacy": {"pseudonymise": True}}
    read(tmp_path, **private)
    study = Study.from_dict(
        {
            "name": "s",
            "project_dir": str(tmp_path),
            "transactions": {"path": "o.csv", "columns": {"customer_id": "c", "occurred_at": "t"}},
            **private,
        }
    )
    people = Pseudonyms.of(study)
    names = [people.pseudonym(name) for name in ("ann", "bob", "cid")]
    send(tmp_path, arms=[pl.Series("customer_id", names)])
    send(tmp_path, "before there were pseudonyms")
    found = read(tmp_path, **private)[1]
    assert found is not None
    assert found["customer_id"].to_list() == sorted([*names, *names])
