"""Uplift: from a trial to a verdict on each offer, and to the effect to expect on each customer.

One offer after the other is held against the control. Where the tests say that customers differ,
learners and named rules are compared on customers unseen, weighed by how they did, learnt from
everybody and scaled to the effects that unseen customers showed. Elsewhere everybody
is expected to gain the mean.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from holdfast.arrays import Matrix, Vector
from holdfast.campaigns.uplift.learners import Candidates, Learner, Lesson
from holdfast.campaigns.uplift.ranking import (
    BLEND,
    Blend,
    Repeats,
    blend,
    cross_fit,
    cross_fit_repeatedly,
)
from holdfast.campaigns.uplift.verdict import (
    LEVEL,
    TOGETHER,
    OfferVerdict,
    QiniPoint,
    RankingResult,
)
from holdfast.errors import DataError, nearest
from holdfast.evaluation.aipw import aipw_scores, cross_fitted_means
from holdfast.evaluation.effect_tests import holm, interaction_test, largest_of
from holdfast.evaluation.policy import Estimate, Group, mean_effect
from holdfast.evaluation.trial import Trial

REPEATS, _MANY_ROWS = 3, 50_000
"""How often rows are split into folds; many rows once, for one split of them says enough."""
_POINTS_OF_CURVE = 21


@dataclass(frozen=True)
class Uplift:
    """The verdicts of a trial, one an offer, and what predicts the effects.

    Attributes
    ----------
    rankings
        Offer -> what scores customers; only offers for which there is evidence for choosing.
    names
        The features, in order.
    """

    verdicts: tuple[OfferVerdict, ...]
    rankings: Mapping[str, Blend]
    names: tuple[str, ...]

    def effects(self, features: Matrix, expected: Vector | None = None) -> Matrix:
        """The effect to expect of each offer on each customer, (n_rows, n_offers), in the outcome's
        unit; where there is no evidence for choosing, the mean.

        Parameters
        ----------
        features
            (n_rows, n_features), as in the trial.
        expected
            What is expected of each without an offer, if the trial had it.
        """
        columns = []
        for verdict in self.verdicts:
            ranking = self.rankings.get(verdict.offer)
            columns.append(
                np.full(len(features), verdict.effect.value)
                if ranking is None
                else ranking(features, expected)
            )
        return np.column_stack(columns)


def examine_offers(pairs: Mapping[str, Trial], *, seed: int) -> list[OfferVerdict]:
    """Test of each offer whether it has an effect, and whether customers differ in it."""
    effects, p_values = {}, {}
    for name, pair in pairs.items():
        psi = aipw_scores(pair, cross_fitted_means(pair, seed=seed))[:, 0]
        effects[name] = mean_effect(psi, pair.cluster)
        p_values[f"effect {name}"] = effects[name].p
        p_values[f"choice {name}"] = interaction_test(psi, pair.features, pair.cluster)
    adjusted = holm(p_values)
    return [
        OfferVerdict(
            offer=name,
            contacted=int(pair.offer.sum()),
            held_out=int((pair.offer == 0).sum()),
            effect=effects[name].bare(),
            p_effect=adjusted[f"effect {name}"],
            p_choice=adjusted[f"choice {name}"],
        )
        for name, pair in pairs.items()
    ]


def measure_uplift(
    trials: Trial | Mapping[str, Trial],
    *,
    rules: Mapping[str, str] | None = None,
    seed: int,
    repeats: int | None = None,
) -> Uplift:
    """Test each offer, and learn whom to choose where there is evidence for choosing.

    Parameters
    ----------
    trials
        One trial of all offers; or offer -> trial of that offer and its own control, with the same
        features.
    rules
        Name of a rule that was there before -> the feature of which the most comes first.
    repeats
        How often the rows are split into folds; None: three times, many rows once.

    Raises
    ------
    DataError
        A rule names no feature.
    NotEnoughData
        An arm is too small to be split.
    """
    pairs = _pairs(trials)
    verdicts = judge_offers(pairs, rules=rules, seed=seed, repeats=repeats)
    rankings = {
        verdict.offer: learn_ranking(
            pairs[verdict.offer], Candidates.of(pairs[verdict.offer], rules or {}).all, seed=seed
        )
        for verdict in verdicts
        if verdict.word == "choose"
    }
    return Uplift(verdicts, rankings, next(iter(pairs.values())).names)


def judge_offers(
    trials: Trial | Mapping[str, Trial],
    *,
    rules: Mapping[str, str] | None = None,
    seed: int,
    repeats: int | None = None,
    most_rows: int | None = None,
) -> tuple[OfferVerdict, ...]:
    """The verdicts of `measure_uplift`, without what would score customers.

    Parameters
    ----------
    most_rows
        Rankings are compared on about so many rows, whole clusters drawn by lot; effects and tests
        are of all rows. None: on all.
    """
    pairs = _pairs(trials)
    names = next(iter(pairs.values())).names
    for column in (rules or {}).values():
        if column not in names:
            raise DataError(f"there is no feature '{column}'", fix=nearest(column, names))
    verdicts = examine_offers(pairs, seed=seed)
    for place, verdict in enumerate(verdicts):
        if verdict.p_choice >= LEVEL:
            continue
        of_offer = thin_out(pairs[verdict.offer], most_rows, seed)
        candidates = Candidates.of(of_offer, rules or {})
        times = repeats or (1 if of_offer.n > _MANY_ROWS else REPEATS)
        compared = cross_fit_repeatedly(of_offer, candidates.all, seed=seed, repeats=times)
        verdicts[place] = add_rankings(verdict, compared, candidates.rules, seed=seed)
    return tuple(verdicts)


def thin_out(trial: Trial, most_rows: int | None, seed: int) -> Trial:
    """About so many rows of a trial, whole clusters drawn by lot; None: all."""
    if most_rows is None or trial.n <= most_rows:
        return trial
    unit, of_row = np.unique(
        np.arange(trial.n) if trial.cluster is None else trial.cluster, return_inverse=True
    )
    kept = np.random.default_rng(seed).random(len(unit)) < most_rows / trial.n
    return trial.take(np.flatnonzero(kept[of_row]))


def _pairs(trials: Trial | Mapping[str, Trial]) -> dict[str, Trial]:
    if not isinstance(trials, Trial):
        return dict(trials)
    return {name: trials.against_control(k) for k, name in enumerate(trials.offers, 1)}


def add_rankings(
    verdict: OfferVerdict, compared: Repeats, rules: Collection[str], *, seed: int
) -> OfferVerdict:
    """Say of a verdict how every ranking did, and how all together stand beside the rules."""
    q = {name: compared.qini(name) for name in compared.names}
    adjusted = largest_of([q[name] for name in rules], compared.cluster, seed=seed)
    p_of_rule = dict(zip(rules, adjusted, strict=True))
    results = {
        name: RankingResult(name, q[name].bare(), _bare(compared.slope(name)), p_of_rule.get(name))
        for name in compared.names
    }
    best_rule = max(rules, key=lambda name: q[name].value)
    return replace(
        verdict,
        rankings=tuple(result for name, result in results.items() if name != BLEND),
        blend=results[BLEND],
        heaviest=compared.heaviest,
        best_rule=best_rule,
        against_rule=q[BLEND].minus(q[best_rule], compared.cluster).bare(),
        compared_on=len(compared.parts[0].psi),
        curve=(
            *_trace_curve(compared, BLEND, shown=TOGETHER),
            *_trace_curve(compared, best_rule, shown=best_rule),
        ),
        groups=tuple(Group(group.share, group.effect.bare()) for group in compared.groups(BLEND)),
    )


def _trace_curve(compared: Repeats, name: str, *, shown: str) -> Iterator[QiniPoint]:
    for share in np.linspace(0, 1, _POINTS_OF_CURVE).tolist():
        each = compared.effect_of_top(name, share)
        yield QiniPoint(shown, share, each.value, each.low, each.high)


def _bare(estimate: Estimate | None) -> Estimate | None:
    return None if estimate is None else estimate.bare()


def learn_ranking(
    trial: Trial, learners: Mapping[str, Learner], *, seed: int, most_weighed: int | None = None
) -> Blend:
    """Weigh the rankings by rows unseen, and learn them from all rows.

    Parameters
    ----------
    most_weighed
        About so many rows, drawn by lot, say how the rankings are weighed. None: all.
    """
    unseen = cross_fit(thin_out(trial, most_weighed, seed), learners, seed=seed)
    return blend(Lesson.prepare(trial, seed=seed), learners, unseen)
