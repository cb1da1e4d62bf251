"""The original snapshot done the obvious way: pandas, scikit-learn and LightGBM with their
defaults.

The same work as `holdfast run` with examples/original: both models cross-validated and fitted,
algorithms compared on the same folds, everyone segmented, the recovery simulated and the segments
exported.
"""

import argparse
import json
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score, mean_squared_error, r2_score, roc_auc_score
from sklearn.model_selection import (
    KFold,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SEED = 42
HIDDEN = ["Customer_ID", "Recency", "Monetary", "Segment_Label"]
SEGMENTS = {
    ("High", False): "Champion",
    ("High", True): "At-Risk VIP",
    ("Mid", False): "Promising",
    ("Mid", True): "Vulnerable",
    ("Low", False): "Hibernating",
    ("Low", True): "Losing Customer",
}
COST_AND_RATE = {"At-Risk VIP": (50, 0.45), "Vulnerable": (25, 0.35), "Losing Customer": (5, 0.15)}


def read(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    raw = pd.read_csv(path)
    inputs = raw.drop(columns=HIDDEN)
    inputs["Clicks_per_Page"] = inputs["Clicks"] / (inputs["Pages_Viewed"] + 1)
    inputs["Wishlist_Conversion"] = inputs["Frequency"] / (inputs["Wishlist_Adds"] + 1)
    return raw, inputs


def churn_model() -> LGBMClassifier:
    return LGBMClassifier(class_weight="balanced", random_state=SEED, verbosity=-1)


def value_model() -> RandomForestRegressor:
    return RandomForestRegressor(
        n_estimators=200,
        max_depth=15,
        min_samples_split=10,
        min_samples_leaf=4,
        max_features=0.7,
        random_state=SEED,
    )


def learn_churn(inputs: pd.DataFrame, churned: pd.Series) -> tuple[np.ndarray, dict[str, float]]:
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    scores = cross_validate(
        churn_model(), inputs, churned, cv=folds, scoring=["roc_auc", "f1", "precision", "recall"]
    )
    train, test, was, is_ = train_test_split(
        inputs, churned, test_size=0.2, random_state=SEED, stratify=churned
    )
    model = churn_model().fit(train, was)
    guess = model.predict_proba(test)[:, 1]
    figures = {
        "f1": f1_score(is_, guess >= 0.3),
        "roc_auc": roc_auc_score(is_, guess),
        "cv_roc_auc": scores["test_roc_auc"].mean(),
        "cv_f1_at_half": scores["test_f1"].mean(),
    }
    return model.predict_proba(inputs)[:, 1], figures


def learn_value(inputs: pd.DataFrame, value: pd.Series) -> tuple[np.ndarray, dict[str, float]]:
    folds = KFold(5, shuffle=True, random_state=SEED)
    scoring = ["r2", "neg_root_mean_squared_error", "neg_mean_absolute_error"]
    scores = cross_validate(value_model(), inputs, value, cv=folds, scoring=scoring)
    train, test, was, is_ = train_test_split(inputs, value, test_size=0.2, random_state=SEED)
    model = value_model().fit(train, was)
    guess = model.predict(test)
    figures = {
        "r2": r2_score(is_, guess),
        "rmse": mean_squared_error(is_, guess) ** 0.5,
        "cv_r2": scores["test_r2"].mean(),
    }
    return model.predict(inputs), figures


def compare(inputs: pd.DataFrame, churned: pd.Series, value: pd.Series) -> dict[str, float]:
    classifiers = {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
        "random_forest": RandomForestClassifier(random_state=SEED),
        "hist_gradient_boosting": HistGradientBoostingClassifier(random_state=SEED),
        "lightgbm": LGBMClassifier(random_state=SEED, verbosity=-1),
    }
    regressors = {
        "ridge": make_pipeline(StandardScaler(), Ridge()),
        "random_forest": RandomForestRegressor(random_state=SEED),
        "hist_gradient_boosting": HistGradientBoostingRegressor(random_state=SEED),
        "lightgbm": LGBMRegressor(random_state=SEED, verbosity=-1),
    }
    found = {}
    for name, model in classifiers.items():
        folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
        found[f"churn {name}"] = cross_val_score(
            model, inputs, churned, cv=folds, scoring="roc_auc"
        ).mean()
    for name, model in regressors.items():
        folds = KFold(5, shuffle=True, random_state=SEED)
        found[f"value {name}"] = cross_val_score(
            model, inputs, value, cv=folds, scoring="r2"
        ).mean()
    return found


def scaled(values: pd.Series) -> pd.Series:
    return (values - values.min()) / (values.max() - values.min())


def segment(raw: pd.DataFrame, probability: np.ndarray, value: np.ndarray) -> pd.DataFrame:
    scores = pd.DataFrame(
        {
            "Customer_ID": raw["Customer_ID"],
            "Churn_Probability": probability,
            "Predicted_LTV": value,
        }
    )
    risk = (
        0.4 * scaled(scores["Churn_Probability"])
        + 0.3 * scaled(raw["Recency"])
        + 0.3 * scaled(raw["Cart_Abandon_Rate"])
    )
    scores["Composite_Risk_Score"] = risk
    low, high = scores["Predicted_LTV"].quantile([0.33, 0.67])
    tier = pd.cut(
        scores["Predicted_LTV"], [-np.inf, low, high, np.inf], labels=["Low", "Mid", "High"]
    ).astype(str)
    at_risk = scores.groupby(tier)["Composite_Risk_Score"].rank(pct=True) >= 0.75
    scores["Segment"] = [SEGMENTS[key] for key in zip(tier, at_risk, strict=True)]
    return scores.sort_values("Composite_Risk_Score", ascending=False)


def recover(scores: pd.DataFrame) -> pd.DataFrame:
    totals = (
        scores.groupby("Segment")["Predicted_LTV"].agg(["size", "sum"]).loc[list(COST_AND_RATE)]
    )
    cost, rate = zip(*COST_AND_RATE.values(), strict=True)
    return totals.assign(invested=totals["size"] * cost, recovered=totals["sum"] * rate)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("snapshot", type=Path)
    warnings.filterwarnings("ignore")
    raw, inputs = read(parser.parse_args().snapshot)
    churned, value = raw["Recency"] > 90, raw["Monetary"] * np.log1p(raw["Frequency"])
    clock = [time.perf_counter()]
    probability, churn_figures = learn_churn(inputs, churned)
    clock.append(time.perf_counter())
    expected, value_figures = learn_value(inputs, value)
    clock.append(time.perf_counter())
    compare(inputs, churned, value)
    clock.append(time.perf_counter())
    scores = segment(raw, probability, expected)
    plan = recover(scores)
    with tempfile.TemporaryDirectory() as folder:
        scores.to_csv(Path(folder) / "customer_segments.csv", index=False)
        plan.to_csv(Path(folder) / "recovery.csv")
    clock.append(time.perf_counter())
    steps = dict(zip(("churn", "value", "comparison", "segments"), np.diff(clock), strict=True))
    print(
        json.dumps(
            {
                **churn_figures,
                **value_figures,
                **{f"seconds_{name}": s for name, s in steps.items()},
            }
        )
    )


if __name__ == "__main__":
    main()
