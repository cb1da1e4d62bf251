"""What the trials of a log say of each offer, and of its effect on each customer of today."""

from collections.abc import Iterable

import polars as pl

from holdfast.campaigns.uplift.learners import Candidates
from holdfast.campaigns.uplift.measure import judge_offers, learn_ranking, thin_out
from holdfast.campaigns.uplift.trials import LogTrials
from holdfast.campaigns.uplift.verdict import OfferVerdict
from holdfast.tables import EFFECTS

MOST_COMPARED = 20_000
"""Rows on which rankings of customers are compared: more would cost minutes, and so many are
drawn."""
ONCE_FROM = 5_000
"""Rows from which they are split into folds once and not three times: each split costs seconds."""
MOST_WEIGHED, MOST_LEARNT = 50_000, 150_000
"""Rows of an offer by which learners are weighed, and from which the effect on each customer is
learnt."""
RULES = {
    "spent most so far": "spend_total",
    "most purchases in a year": "n_purchases_365d",
    "long since the last purchase": "days_since_last_purchase",
}
"""Named rules -> the feature of which the most comes first."""


def judge_trials(trials: LogTrials, *, seed: int) -> tuple[OfferVerdict, ...]:
    """Say of each offer whether it works, and whether it matters whom it goes to."""
    return judge_offers(
        trials.trials,
        rules=_rules_of(trials),
        seed=seed,
        repeats=1 if trials.rows > ONCE_FROM else None,
        most_rows=MOST_COMPARED,
    )


def learn_effects(
    trials: LogTrials, verdicts: Iterable[OfferVerdict], features: pl.DataFrame, *, seed: int
) -> pl.DataFrame:
    """The effect to expect on each customer, of those offers of which it matters whom they go to.

    Parameters
    ----------
    features
        FEATURES of today's customers.

    Returns
    -------
    polars.DataFrame
        EFFECTS.
    """
    matrix, parts = trials.matrix(features), [EFFECTS.empty()]
    for verdict in verdicts:
        if verdict.word == "choose":
            trial = thin_out(trials.trials[verdict.offer], MOST_LEARNT, seed)
            candidates = Candidates.of(trial, _rules_of(trials)).all
            effect = learn_ranking(trial, candidates, seed=seed, most_weighed=MOST_WEIGHED)(
                matrix, None
            )
            parts.append(
                features.select(
                    "customer_id", offer=pl.lit(verdict.offer), effect=pl.Series(effect)
                )
            )
    return pl.concat(parts)


def _rules_of(trials: LogTrials) -> dict[str, str]:
    return {name: column for name, column in RULES.items() if column in trials.design.names}
