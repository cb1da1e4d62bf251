"""Scores as SQL: the numbers of Python, from a database that knows nothing of Holdfast."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel
from tests.warehouses import WAREHOUSES

from holdfast.errors import StudyError
from holdfast.io.dialect_names import DIALECTS, Dialect
from holdfast.learners.algorithms import Recipe
from holdfast.learners.calibration import BetaCalibration
from holdfast.learners.design import Design
from holdfast.learners.linear import constant
from holdfast.learners.tree_ensemble import train_lightgbm
from holdfast.models.baselines import RecencyRank, RecencyRule, TrailingSpend, TrailingSpendRule
from holdfast.models.churn import ChurnModel
from holdfast.models.reference_spend import ReferenceSpend, Scale
from holdfast.models.value import ValueModel
from holdfast.runs.run import run
from holdfast.segments import SegmentRule, Signal
from holdfast.serving.load import load_models
from holdfast.serving.score import add_predictions
from holdfast.serving.scores_sql import scores_sql
from holdfast.serving.scores_sql.query import write_scores
from holdfast.storage.runs import Registry
from holdfast.study import Segments, Study

EXAMPLES = Path(__file__).parents[2] / "examples"
NUMBERS = ("churn_probability", "expected_revenue", "risk_score", "risk_rank")
WORDS = ("value_tier", "segment")
PLANS = ["gold", "it's", 'a "b"', "back\\slash", "x; --", "żółć", "line\nbreak", None]
RNG = np.random.default_rng(7)
N = 900


def some_customers(n: int = N) -> pl.DataFrame:
    """Features of every kind, with gaps, ties, numbers that single precision rounds and words
    that mean something in SQL.
    """
    days = RNG.integers(1, 400, n).astype(np.float64)
    money = RNG.lognormal(3, 2, n).round(2)
    money[:4] = [0.1, float(np.float32(0.1)), np.nextafter(np.float32(0.1), np.float32(1)), 1e9]
    ratio = np.where(RNG.random(n) < 0.3, np.nan, RNG.normal(0, 1, n))
    ratio[:2] = [np.inf, -np.inf]
    blank = pl.Series(RNG.random(n) < 0.2)
    return pl.DataFrame(
        {
            "customer_id": [f"C{number:04d}" for number in range(n)],
            "days_since_last_purchase": days.astype(np.int64),
            "spend_90d": RNG.normal(20, 40, n).round(2),
            "spend_365d": money,
            "tenure_days": RNG.integers(1, 900, n),
            "ratio": ratio,
            "is_member": RNG.random(n) < 0.5,
            "plan": RNG.choice(np.array(PLANS, dtype=object), n).tolist(),
            "city": [f"city {number}" for number in RNG.integers(0, 40, n)],
        }
    ).with_columns(
        pl.when(blank).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("is_member", "tenure_days", "city")
    )


CUSTOMERS = some_customers()
INPUTS = CUSTOMERS.columns[1:]
LEFT = (RNG.random(N) < CUSTOMERS["days_since_last_purchase"].to_numpy() / 400).astype(np.float64)
WORTH = RNG.gamma(1.0, 30.0, N)


def churn_model(algorithm: str, **parameters: Any) -> ChurnModel:
    design = Design.learn(CUSTOMERS, columns=INPUTS, outcome=LEFT)
    recipe = Recipe(algorithm, "probability", seed=1, parameters=parameters)
    calibration = BetaCalibration(a=1.3, b=0.7, c=-0.2, season=1.7)
    return ChurnModel(design, recipe.fit(design.matrix(CUSTOMERS), LEFT), calibration)


def value_model(algorithm: str, **scale: Any) -> ValueModel:
    design = Design.learn(CUSTOMERS, columns=INPUTS)
    matrix = design.matrix(CUSTOMERS)
    small = {} if algorithm == "ridge" else {"n_estimators": 5}
    loss = {"objective": "tweedie"} if algorithm == "lightgbm" else {}
    amount = Recipe(algorithm, "mean", seed=1, parameters=small | loss).fit(matrix, WORTH)
    chance = "logistic" if algorithm == "ridge" else algorithm
    buys = Recipe(chance, "probability", seed=1, parameters=small).fit(matrix, 1 - LEFT)
    yardstick = ReferenceSpend(180, 3.5, **scale)
    return ValueModel(design, amount, buys, Scale(yardstick, 300.0, 10.0, 200.0), 1.1, 180)


def rule_of(scored: pl.DataFrame, **risk: float) -> SegmentRule:
    weights = risk or {
        "churn_probability": 0.6,
        "days_since_last_purchase": 0.3,
        "tenure_days": 0.1,
    }
    return SegmentRule.learn(Segments(risk=weights), scored)


def assert_scores_equal(theirs: pl.DataFrame, ours: pl.DataFrame) -> None:
    ours = ours.sort("customer_id")
    assert theirs["customer_id"].equals(ours["customer_id"])
    for name in NUMBERS:
        off = (theirs[name] - ours[name]).abs() / pl.Series(ours[name].abs()).clip(lower_bound=1.0)
        assert off.null_count() == 0
        assert off.max() <= 1e-9, name  # type: ignore[operator]
    for name in WORDS:
        assert theirs[name].equals(ours[name]), name


def assert_same_scores(models: dict[str, Any], rule: SegmentRule | None = None) -> pl.DataFrame:
    """In each database, as Python has them; of customers that the models were not learnt from."""
    table = pl.concat([CUSTOMERS, some_customers().with_columns(pl.col("customer_id") + "x")])
    base = add_predictions(models, CUSTOMERS)
    rule = rule or rule_of(base)
    ours = rule.assign(add_predictions(models, table))
    for name, ask in WAREHOUSES.items():
        sql = write_scores(models, rule, table.schema, name)
        assert_scores_equal(ask({"features": table}, sql), ours)
    return ours


@pytest.mark.parametrize(
    ("algorithm", "parameters"),
    [
        ("lightgbm", {"n_estimators": 25}),
        ("lightgbm", {"zero_as_missing": True, "n_estimators": 25}),
        ("lightgbm", {"use_missing": False, "n_estimators": 25}),
        ("blend", {"n_estimators": 25}),
        ("logistic", {}),
        ("hist_gradient_boosting", {"max_iter": 25}),
        ("random_forest", {"n_estimators": 5}),
        ("xgboost", {"n_estimators": 25}),
        ("catboost", {"iterations": 15}),
    ],
)
def test_a_model_of_churn_says_the_same_as_sql(algorithm: str, parameters: dict[str, Any]) -> None:
    assert_same_scores({"churn": churn_model(algorithm, **parameters)})


@pytest.mark.parametrize("algorithm", ["lightgbm", "ridge", "random_forest"])
@pytest.mark.parametrize("scale", [{}, {"by_tenure": True, "highest": 40.0}])
def test_a_model_of_value_says_the_same_as_sql(algorithm: str, scale: dict[str, Any]) -> None:
    models = {"churn": churn_model("logistic"), "value": value_model(algorithm, **scale)}
    ours = assert_same_scores(models)
    assert ours["value_tier"].n_unique() == 3


def test_what_rules_say_is_said_by_sql() -> None:
    columns = ["days_since_last_purchase", "spend_90d", "ratio"]
    design = Design.learn(CUSTOMERS, columns=columns)
    rank = RecencyRank.fit(CUSTOMERS["days_since_last_purchase"].to_numpy(), LEFT)
    spend = TrailingSpend(90)
    churn = ChurnModel(design, RecencyRule.of(rank, design, CUSTOMERS))
    value = ValueModel(design, TrailingSpendRule.of(spend, rank, design, CUSTOMERS))
    assert_same_scores({"churn": churn, "value": value})


def test_a_hazard_of_short_windows_is_said_by_sql() -> None:
    design = Design.learn(CUSTOMERS, columns=INPUTS)
    poisson = {"objective": "poisson", "num_leaves": 5}
    trees = train_lightgbm(design.matrix(CUSTOMERS), WORTH, poisson, rounds=10, seed=1, offset=-0.3)
    silence = replace(trees, link="cloglog")
    assert_same_scores({"churn": ChurnModel(design, silence)})


def test_scores_far_from_every_other_are_no_error() -> None:
    model = churn_model("logistic")
    extreme = replace(model.learner, intercept=-2000.0)
    power = BetaCalibration(a=30.0, b=0.1, season=20.0)
    for learner in (extreme, replace(model.learner, intercept=2000.0)):
        for calibration in (None, power):
            moved = replace(model, learner=learner, calibration=calibration)
            rule = rule_of(CUSTOMERS.with_columns(expected_revenue=0.0), tenure_days=1.0)
            assert_same_scores({"churn": moved}, rule)


def test_a_risk_half_way_between_two_is_rounded_to_the_even_one() -> None:
    table = pl.DataFrame({"customer_id": ["a", "b", "c", "d"], "x": [1.0, 3.0, 32.0, None]})
    frame = table.with_columns(expected_revenue=0.0, churn_probability=0.5)
    signal = Signal(name="x", weight=1.0, low=0.0, high=32.0)
    learnt = rule_of(frame, x=1.0)
    rule = replace(learnt, signals=(signal,))
    design = Design.learn(table, columns=["x"])
    model = ChurnModel(design, constant("logistic", 0.0, n_columns=1))
    ours = rule.assign(frame)
    assert ours["risk_score"].to_list() == [0.0312, 0.0938, 1.0, 0.0]
    for name, ask in WAREHOUSES.items():
        sql = write_scores({"churn": model}, rule, table.schema, name)
        assert_scores_equal(ask({"features": table}, sql), ours)


def test_whoever_is_worth_a_boundary_is_in_the_tier_below_it() -> None:
    # A boundary is some customer's value, whose last bits differ by database.
    base = add_predictions({"churn": churn_model("logistic"), "value": value_model("ridge")},
                           CUSTOMERS)  # fmt: skip
    worth = base["expected_revenue"].sort()
    rule = replace(rule_of(base), mid_above=worth[300], high_above=worth[600])
    models = {"churn": churn_model("logistic"), "value": value_model("ridge")}
    ours = assert_same_scores(models, rule)
    assert ours.head(N)["value_tier"].value_counts(sort=True)["count"].to_list() == [301, 300, 299]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_is_given_what_it_has(dialect: Dialect) -> None:
    models = {"churn": churn_model("blend", n_estimators=25), "value": value_model("lightgbm")}
    rule = rule_of(add_predictions(models, CUSTOMERS))
    sql = write_scores(models, rule, CUSTOMERS.schema, dialect)
    tree = sqlglot.parse_one(sql, dialect=dialect, error_level=ErrorLevel.RAISE)
    for kind in (exp.Filter, exp.Qualify, exp.Asinh, exp.Sinh, exp.Pow, exp.Greatest, exp.Least):
        assert tree.find(kind) is None, kind
    # As a decimal a number is slow to add up, and Trino has no more than 38 digits of it.
    for literal in tree.find_all(exp.Literal):
        assert literal.is_string or "." not in literal.name or "e" in literal.name
    words = {each.name for each in tree.find_all(exp.Literal) if each.is_string}
    assert {plan for plan in PLANS if plan} <= words
    # Not every warehouse takes thousands of rows in a query, or rows without a table at all.
    assert all(len(each.expressions) <= 303 for each in tree.find_all(exp.Values, exp.Array))
    assert len(list(tree.find_all(exp.Union))) <= 400


@pytest.fixture(scope="module")
def published(simulated_shop: Path) -> Any:
    return Registry(simulated_shop / "runs").open()


def test_a_run_with_a_btyd_member_is_refused_by_name(published: Any) -> None:
    with pytest.raises(StudyError) as caught:
        scores_sql(published, "postgres")
    assert "the BTYD member of churn (Pareto/NBD" in str(caught.value)
    assert "the BTYD member of value" in str(caught.value)
    assert "--set churn.pool_btyd=false --set value.pool_btyd=false" in str(caught.value.fix)


@pytest.mark.parametrize("warehouse", WAREHOUSES)
def test_a_shop_is_scored_by_its_features(published: Any, warehouse: Dialect) -> None:
    models = {task: replace(model, btyd=None) for task, model in load_models(published).items()}
    features = published.table("features")
    base = add_predictions(models, features)
    rule = SegmentRule.learn(Segments(), base)
    keys = ("customer_id", "cutoff_day")
    sql = write_scores(models, rule, features.schema, warehouse, keys=keys)
    theirs = WAREHOUSES[warehouse]({"features": features}, sql)
    assert_scores_equal(theirs, rule.assign(base))
    assert theirs["cutoff_day"].unique().to_list() == features["cutoff_day"].unique().to_list()


@pytest.mark.slow
@pytest.mark.usefixtures("bench_data")
@pytest.mark.parametrize("name", ["telco", "online_retail_ii"])
def test_a_real_log_and_a_real_snapshot_are_scored_by_their_features(
    name: str, tmp_path: Path
) -> None:
    text = (EXAMPLES / name / "holdfast.toml").read_text(encoding="utf-8")
    (tmp_path / "holdfast.toml").write_text(text, encoding="utf-8")
    alone = {"churn.pool_btyd": "false", "value.pool_btyd": "false", "backtest.count": "1"}
    published = run(Study.from_toml(tmp_path / "holdfast.toml", overrides=alone))
    features, ours = published.table("features"), published.scores.sort("customer_id")
    for warehouse, ask in WAREHOUSES.items():
        theirs = ask({"features": features}, scores_sql(published, warehouse))
        assert_scores_equal(theirs, ours)


def test_trees_that_are_not_plain_are_refused() -> None:
    model = churn_model("lightgbm", linear_tree=True)
    rule = rule_of(CUSTOMERS.with_columns(expected_revenue=0.0), tenure_days=1.0)
    with pytest.raises(StudyError, match="linear leaves, which are not written as SQL"):
        write_scores({"churn": model}, rule, CUSTOMERS.schema, "duckdb")
