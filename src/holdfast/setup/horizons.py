"""Horizons that a log can carry: as long as people plan by, and no longer than it can prove."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_USUAL = (30, 90, 180, 365)
_SHORT = (7, 14, 21)
_CHURN = (30, 60, 90, 120, 180, 365)
HISTORY = 90
"""Days of log before the first training cutoff, as a study has them."""
_SHORTEST = 4 * _SHORT[0]


@dataclass(frozen=True)
class Horizons:
    """What is predicted over.

    Attributes
    ----------
    days
        All horizons but that of churn.
    longest
        The longest that churn may be looked at over.
    history_days
        Days of log before the first training cutoff.
    """

    days: list[int]
    longest: int
    history_days: int = HISTORY


UNKNOWN = Horizons(list(_USUAL), _USUAL[-1])
"""Of a log of which only the beginning was looked at."""


def horizons_for(span_days: int) -> Horizons:
    """The horizons that a log of so many days can carry: one to learn from and one to prove on,
    with some history before both. In a short log the history is two horizons.
    """
    usual = [days for days in _USUAL if 2 * days + HISTORY <= span_days]
    if usual:
        return Horizons(usual, longest=(span_days - HISTORY) // 2)
    short = [days for days in (*_SHORT, _USUAL[0]) if 4 * days <= span_days] or [_SHORT[0]]
    return Horizons(short[-1:], longest=short[-1], history_days=2 * short[-1])


def find_lacks(
    span_days: int, horizon_days: int, outcomes: Mapping[int, tuple[int, int]]
) -> Iterator[str]:
    """Yield what a log lacks so that a run could answer at all."""
    if span_days < _SHORTEST:
        yield (
            f"the log spans {span_days} days, and {_SHORTEST} are the least: a week to learn from, "
            "a week to prove on, and two weeks before"
        )
    elif not all(outcomes.get(horizon_days, (1, 1))):
        counted = "; ".join(
            f"{days} days: {left:,} left, {stayed:,} stayed"
            for days, (left, stayed) in outcomes.items()
        )
        yield f"over no horizon did some customers leave and others stay ({counted})"


def candidate_lengths(horizons: Horizons) -> list[int]:
    """The lengths over which churn can be looked at."""
    return [days for days in _CHURN if days <= horizons.longest] or horizons.days


def churn_horizon(
    gap: float | None, horizons: Horizons, outcomes: Mapping[int, tuple[int, int]]
) -> tuple[int, str]:
    """Two usual gaps, as the nearest length that people plan by and that the log can prove.

    Parameters
    ----------
    outcomes
        Days -> customers who left and who stayed over the log's last so many days; of a length over
        which nobody did either, nothing can be learnt.
    """
    lengths = candidate_lengths(horizons)
    provable = [days for days in lengths if all(outcomes.get(days, (1, 1)))] or lengths
    if gap is None:
        days = max([each for each in provable if each <= horizons.days[:2][-1]] or provable[:1])
        return days, "a customer who buys nothing for so long has left"
    days = min(provable, key=lambda each: abs(each - 2 * gap))
    if days < 1.5 * gap:
        return days, f"the usual gap is {gap:,.0f} days; the log is too short for twice as long"
    if days > 3 * gap:
        return days, f"the usual gap is {gap:,.0f} days; over less, nobody left or nobody stayed"
    return days, f"the usual gap is {gap:,.0f} days: silent for about twice as long has left"
