"""Who may be contacted and how, from the source to the list, and out of all of it again."""

from pathlib import Path

import polars as pl
from tests.api.conftest import publish, snapshot_study, write_customers

from holdfast.campaigns.audience import Rule, build_audience, drop_untouchable
from holdfast.campaigns.export_journal import CampaignList
from holdfast.decisions.list_formats import Receiver
from holdfast.privacy.access import collect
from holdfast.privacy.erase import erase, find_places
from holdfast.runs.run import run
from holdfast.serving.predict import predict_customer
from holdfast.setup.simulate import simulate_to
from holdfast.storage.runs import Registry
from holdfast.study import SEGMENT_NAMES, Study
from holdfast.synthetic import Shop

QUICK = {
    "churn.algorithm": "logistic",
    "value.algorithm": "ridge",
    "backtest.count": "1",
    "backtest.max_training_cutoffs": "3",
    "churn.calibrate": "false",
}


def _shop_with_consent(folder: Path) -> Study:
    """A shop in which every customer whose name ends on 7 withheld consent."""
    made = simulate_to(folder, Shop(n_customers=60, n_days=300, seed=3))
    path = folder / "customers.parquet"
    pl.read_parquet(path).with_columns(
        mail=pl.when(pl.col("customer_id").str.ends_with("7"))
        .then(pl.lit("No"))
        .otherwise(pl.lit("Yes")),
        address=pl.col("customer_id").str.to_lowercase() + "@mail.example",
    ).write_parquet(path)
    columns = {"customers.columns.consent": '"mail"', "customers.columns.email": '"address"'}
    return Study.from_toml(made.study, overrides=QUICK | columns)


def test_consent_reaches_the_audience_and_no_model_and_is_erased(tmp_path: Path) -> None:
    study = _shop_with_consent(tmp_path / "shop")
    done = run(study)
    permissions, scored = done.table("permissions"), done.scores["customer_id"]
    assert permissions["customer_id"].to_list() == scored.to_list()
    refused = {name for name in scored if name.endswith("7")}
    assert refused
    assert set(permissions.filter(~pl.col("may_contact"))["customer_id"]) == refused
    assert "mail" not in done.table("features").columns
    rule = Rule(segments=SEGMENT_NAMES, only_paying=False)
    audience = build_audience(
        done.scores, rule, run_id=done.run_id, study=study, permissions=permissions
    )
    assert audience.figures["left_out"] == {"no consent": len(refused)}
    assert set(audience.customers["customer_id"]) == set(scored) - refused

    holders = {
        path.relative_to(done.path).as_posix()
        for path in done.path.rglob("*")
        if path.is_file() and b"@mail.example" in _content(path)
    }
    assert holders == {"tables/addresses.parquet"}
    assert "@mail.example" not in str(predict_customer(done, scored[0]))
    listed = CampaignList(
        campaign="spring",
        made_by="assign",
        run_id=done.run_id,
        arms=pl.DataFrame({"customer_id": scored, "treated": True}),
    )
    _, (contacts, _), notes = Receiver.of("klaviyo", done).fit(
        listed, done.scores, done.scores.head(0)
    )
    assert contacts["Email"].to_list() == [f"{name.lower()}@mail.example" for name in scored]
    assert notes == []

    someone, registry = min(refused), Registry(tmp_path / "shop" / "runs")
    held = collect(study, someone, registry=registry)["runs"][0]["tables"]["permissions"]
    assert held == [{"customer_id": someone, "may_contact": False, "why_not": "no consent"}]
    (address,) = collect(study, someone, registry=registry)["runs"][0]["tables"]["addresses"]
    assert address["email"] == f"{someone.lower()}@mail.example"
    erase(study, [someone], registry=registry)
    left = registry.open().table("permissions")
    assert left["customer_id"].to_list() == [name for name in scored if name != someone]
    assert someone.lower() not in str(registry.open().table("addresses")["email"].to_list())
    assert find_places(study, [someone], project=tmp_path / "shop") == []


def _content(path: Path) -> bytes:
    """A file as text, a compressed table by its cells."""
    if path.suffix == ".parquet":
        return pl.read_parquet(path).write_json().encode()
    return path.read_bytes()


def test_a_snapshot_that_says_who_may_be_contacted_is_obeyed_too(tmp_path: Path) -> None:
    write_customers(tmp_path)
    path = tmp_path / "customers.parquet"
    mail = pl.when(pl.col("id").str.ends_with("7")).then(pl.lit("no")).otherwise(pl.lit("yes"))
    pl.read_parquet(path).with_columns(mail=mail).write_parquet(path)
    plain = snapshot_study(tmp_path)
    assert plain.snapshot is not None
    columns = plain.snapshot.columns.model_copy(update={"consent": "mail"})
    snapshot = plain.snapshot.model_copy(update={"columns": columns})
    study = plain.model_copy(update={"snapshot": snapshot})
    done = publish(study, created_at="2026-01-01T00:00:00Z")
    assert "mail" not in done.table("features").columns
    allowed, notes = drop_untouchable(done.scores, done.table("permissions"), study)
    refused = [name for name in done.scores["customer_id"] if name.endswith("7")]
    assert set(allowed["customer_id"]) == set(done.scores["customer_id"]) - set(refused)
    assert notes == [f"{len(refused)} customers may not be contacted: {len(refused)} no consent"]
