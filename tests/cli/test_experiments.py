"""Experiments on the command line: past campaigns, the next one, and whom to choose."""

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.cli.test_cli import holdfast

from holdfast.storage import audit_log
from holdfast.storage.export_records import sent_exports
from holdfast.storage.runs import Registry

LIST = ("experiment", "design", "--effect", "0.2", "--share", "0.3", "--list", "spring.csv")


@pytest.fixture(scope="module")
def shop(simulated_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(simulated_shop, tmp_path_factory.mktemp("experiments") / "shop"))


def as_json(*arguments: str, cwd: Path) -> Any:
    return json.loads(holdfast(*arguments, "--json", cwd=cwd))


def test_every_past_campaign_is_read_out_or_says_why_not(shop: Path) -> None:
    treatments = pl.read_parquet(shop / "treatments.parquet")
    past = as_json("experiment", "read", "--days", "150", cwd=shop)
    assert [each["campaign"] for each in past["refused"]] == ["campaign-5"]
    assert past["refused"][0]["fix"].startswith("wait until 2024-07-19")
    assert [each["campaign"] for each in past["campaigns"]] == [
        f"campaign-{i}" for i in range(1, 5)
    ]
    for each in past["campaigns"]:
        (row,) = each["offers"]
        of = treatments.filter(campaign=each["campaign"])
        assert row["contacted"] == of["treated"].sum()
        assert row["contacted"] + row["held_out"] == of.height
        assert row["cost"] == pytest.approx(of["cost"].sum())
        assert row["margin_low"] < row["margin"] < row["margin_high"]
        assert row["uplift_source"] == "experiment"


def test_a_campaign_is_read_in_words(shop: Path) -> None:
    text = holdfast("experiment", "read", "campaign-2", cwd=shop)
    assert "1 of 1 campaign read out, 30 days from the draw" in text
    assert "net of their cost of" in text
    assert "Sizes of the groups: as planned" in text
    assert "campaign-2" in holdfast("experiment", "read", cwd=shop)
    late = holdfast("experiment", "read", "campaign-5", "--days", "150", cwd=shop, code=2)
    assert "wait until 2024-07-19" in late
    assert "no campaign 'spring'" in holdfast("experiment", "read", "spring", cwd=shop, code=2)
    none = holdfast("experiment", "read", "--days", "900", cwd=shop, code=2)
    assert none.count("is not read out") == 5


def test_a_design_says_what_is_needed_and_draws_the_arms(shop: Path) -> None:
    plan = as_json(*LIST, "--segment", "Champion", "--segment", "Hibernating", cwd=shop)
    sizes = [row["size"] for row in plan["curve"]]
    assert sizes == sorted(sizes)
    assert plan["method"] in [row["method"] for row in plan["methods"]]
    contact, held_out = (
        pl.read_csv(shop / name, schema_overrides={"customer_id": pl.String})
        for name in ("spring.csv", "spring-holdout.csv")
    )
    assert contact.columns == held_out.columns == ["customer_id", "arm", "propensity"]
    assert (contact["arm"].unique().item(), held_out["arm"].unique().item()) == (
        "contact",
        "hold out",
    )
    assert contact["propensity"].unique().item() == pytest.approx(0.7)
    scores = Registry(shop / "runs").open().scores
    in_segments = scores.filter(pl.col("segment").is_in(["Champion", "Hibernating"]))
    both = pl.concat([contact, held_out])["customer_id"]
    assert both.sort().to_list() == in_segments["customer_id"].sort().to_list()
    assert plan["list"]["contacted"] == contact.height
    entry = audit_log.entries(shop)[-1]
    assert (entry["what"], entry["campaign"], entry["held_out"]) == (
        "assign",
        "spring",
        held_out.height,
    )


def test_the_same_name_draws_the_same_arms_for_more_customers(shop: Path) -> None:
    few = as_json(*LIST[:-1], "summer.csv", "--segment", "Champion", cwd=shop)["list"]
    before = (shop / few["holdout"]).read_text(encoding="utf-8").splitlines()
    holdfast("experiment", "withdraw", "summer", cwd=shop)
    text = holdfast(*LIST[:-1], "all.csv", "--name", "summer", "--offer", "reminder", cwd=shop)
    assert "to find a change of +20% in 4 cases of 5, with 30% held out, takes" in text
    after = (shop / "all-holdout.csv").read_text(encoding="utf-8").splitlines()
    assert set(before) < set(after)
    (path,) = (shop / "exports").glob(f"{sent_exports(shop)[0]['export_id']}.parquet")
    kept = pl.read_parquet(path)
    assert kept.filter("treated").select("offer", "cost").unique().rows() == [("reminder", 0.5)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--effect", "0"), "an effect of 0 cannot be planned for"),
        (("--effect", "0.1", "--days", "900"), "nobody had bought before"),
        (("--effect", "0.1", "--size", "4", "--share", "0.01"), "0 of 4 customers"),
        ((*LIST[2:], "--segment", "Vip"), "no segment is called"),
        (("--effect", "0.1", "--list", "nowhere/autumn.csv"), "cannot be written"),
        ((*LIST[2:], "--offer", "remind"), "did you mean 'reminder'"),
    ],
)
def test_a_design_that_cannot_be_is_refused(
    shop: Path, arguments: tuple[str, ...], says: str
) -> None:
    code = 1 if "written" in says else 2
    assert says in holdfast("experiment", "design", *arguments, cwd=shop, code=code)


def test_a_verdict_on_each_offer_stands_on_an_experiment(shop: Path) -> None:
    judged = as_json("uplift", "--outcome", "purchase", cwd=shop)
    (offer,) = judged["offers"]
    assert (judged["outcome"], offer["offer"]) == ("purchase", "reminder")
    assert offer["uplift_source"] == "experiment"
    assert offer["contacted"] + offer["held_out"] == judged["rows"]
    assert offer["word"] in ("choose", "everyone or nobody", "no effect")
    text = holdfast("uplift", "--outcome", "purchase", cwd=shop)
    assert offer["sentence"].split(";")[0] in text
    assert "it changes something" in text


def test_without_a_hold_out_nothing_is_said_of_an_effect(shop: Path, tmp_path: Path) -> None:
    copy = Path(
        shutil.copytree(shop, tmp_path / "shop", ignore=shutil.ignore_patterns("runs", "exports*"))
    )
    rows = pl.read_parquet(copy / "treatments.parquet")
    rows.filter("treated").write_parquet(copy / "treatments.parquet")
    assert "campaign without a control" in holdfast("uplift", cwd=copy, code=2)
    assert "was held out" in holdfast("experiment", "read", cwd=copy, code=2)
    study = copy / "holdfast.toml"
    blocks = study.read_text(encoding="utf-8").split("\n\n")
    kept = [block for block in blocks if not block.startswith("[treatments]")]
    study.write_text("\n\n".join(kept), encoding="utf-8")
    assert "the study has no [treatments]" in holdfast("uplift", cwd=copy, code=2)
