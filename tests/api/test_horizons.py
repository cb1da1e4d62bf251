"""A customer whom the run need not know gets the same horizons and intervals as those in it."""

from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
from bench._api_projects import log_project
from tests.api.conftest import FEATURES, client_of, posted
from tests.api.harness import Api
from tests.serving.test_scorer import rows_by_customer

from holdfast.storage.runs import Registry
from holdfast.windows import date_of

OUTLOOK = (
    "median_revenue",
    "revenue_low_80",
    "revenue_high_80",
    "p_alive",
    "expected_purchases",
    "next_purchase_day",
    "evidence_level",
)


@pytest.fixture(scope="module")
def log_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("log")
    log_project(folder)
    with client_of(folder) as api:
        yield api


@pytest.fixture(scope="module")
def features(log_api: Api) -> list[dict[str, Any]]:
    """Of some customers of the run, with their names."""
    table = Registry(log_api.context.settings.runs).open().table("features")
    return table.drop("cutoff_day").gather_every(table.height // 20).to_dicts()


def same(told: Any, published: Any) -> None:
    """Equal; a count of purchases is an integral, whose last digits depend on who is asked for
    together.
    """
    assert [row["horizon_days"] for row in told["horizons"]] == [
        row["horizon_days"] for row in published["horizons"]
    ]
    pairs = [*zip(told["horizons"], published["horizons"], strict=True)]
    pairs.append(
        ({name: told[name] for name in OUTLOOK}, {name: published[name] for name in OUTLOOK})
    )
    for mine, theirs in pairs:
        assert mine.pop("expected_purchases") == pytest.approx(
            theirs.pop("expected_purchases"), rel=1e-4
        )
        assert mine == theirs


@pytest.mark.slow
def test_features_give_the_published_horizons_and_intervals(
    log_api: Api, features: list[dict[str, Any]]
) -> None:
    some = 0
    for row in features:
        published = log_api.get(f"/customers/{row['customer_id']}").json()
        same(posted(log_api, "/predict?horizons=true", row).json(), published)
        assert (
            log_api.get(f"/predict/{row['customer_id']}?horizons=true").json()["horizons"]
            is not None
        )
        some += any(horizon["high_95"] is not None for horizon in published["horizons"])
    assert some == len(features)


@pytest.mark.slow
def test_a_batch_gives_the_same_and_refuses_only_who_cannot_have_bought(
    log_api: Api, features: list[dict[str, Any]]
) -> None:
    impossible = [
        {**features[0], "n_purchases": n, "days_since_last_purchase": silent, "tenure_days": tenure}
        for n, silent, tenure in (
            (2, 30, 10),
            (0, 1, 1),
            (2.5, 1, 9),
            (1, 3, 9),
            (1e300, 1, 9),
            (None, 1, 9),
        )
    ]
    body = {"customers": [*features, *impossible]}
    answers = posted(log_api, "/predict/batch?horizons=true", body).json()["answers"]
    for row, item in zip(features, answers, strict=False):
        same(item["answer"], log_api.get(f"/customers/{row['customer_id']}").json())
    refused = answers[len(features) :]
    assert all("no customer bought like this" in item["error"]["detail"] for item in refused)
    assert posted(log_api, "/predict?horizons=true", impossible[0]).status_code == 422
    assert posted(log_api, "/predict", impossible[0]).status_code == 200


@pytest.mark.slow
def test_raw_orders_give_them_too(log_api: Api, features: list[dict[str, Any]]) -> None:
    folder = log_api.context.settings.runs.parent
    told = {
        name: rows_by_customer(folder / f"{name}.parquet")
        for name in ("orders", "events", "treatments")
    }
    known = pl.read_parquet(folder / "customers.parquet")
    served = log_api.context.store.current
    assert served is not None
    assert served.scorer.study.customers is not None
    for row in features[:5]:
        name = row["customer_id"]
        given = (
            known.filter(customer_id=name)
            .select(served.scorer.study.customers.attributes)
            .row(0, named=True)
        )
        body = {
            "customer_id": name,
            "attributes": given,
            **{kind: rows.get(name, []) for kind, rows in told.items()},
        }
        answer = posted(log_api, "/predict?horizons=true&reasons=true", body).json()
        assert answer["reasons"]
        same(answer, log_api.get(f"/customers/{name}").json())


def test_a_snapshot_has_none_and_says_so(api: Api) -> None:
    assert posted(api, "/predict?horizons=true", FEATURES).json()["horizons"] is None
    assert api.get("/predict/C0001?horizons=true").json()["horizons"] is None
    assert "horizons" not in posted(api, "/predict", FEATURES).json()


@pytest.mark.parametrize("path", ["/predict/{}", "/customers/{}", "/customers/{}/reasons"])
def test_a_customer_who_is_known_and_not_eligible_is_no_stranger(log_api: Api, path: str) -> None:
    unscored = Registry(log_api.context.settings.runs).open().table("unscored")
    row = unscored.drop_nulls().row(0, named=True)
    told = log_api.get(path.format(row["customer_id"]))
    assert told.status_code == 404
    problem = told.json()
    assert problem["type"] == "urn:holdfast:problem:CustomerNotEligible"
    day = str(date_of(row["last_purchase_day"]))
    assert f"last bought {day}, outside 'bought in the last" in problem["detail"]
    assert problem["parts"]["last_purchase_date"] == day
    assert "near" not in problem["parts"]


def test_a_stranger_of_a_log_gets_three_near_names_at_most(log_api: Api) -> None:
    problem = log_api.get("/predict/C0000000").json()
    assert problem["type"] == "urn:holdfast:problem:CustomerNotFound"
    assert 0 < len(problem["parts"]["near"]) <= 3
    assert len(problem["fix"]) < 300
