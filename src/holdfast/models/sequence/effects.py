"""Effects of days: what each day of a customer adds to the log-odds of silence, and in words.

Two answers for each day. Its share of the prediction is found by integrated gradients
(Sundararajan, Taly, Yan 2017) on the way from as many average days at an average cutoff: the
shares, the rest (how long it has been quiet by now, and the sums of the last months) and the base
add up to the log-odds. What it adds against the customer's usual day is found by giving the day
what the customer's other days of its kind had, and asking again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from holdfast.arrays import Booleans, Integers, Matrix, Vector
from holdfast.features.recent_days import COUNTS
from holdfast.features.words import format_value
from holdfast.models.sequence.histories import Histories
from holdfast.models.sequence.model import SequenceModel, bin_shares, log_silence
from holdfast.models.sequence.network import Numbers32
from holdfast.windows import date_of

_POINTS = 32
_UNUSUAL = 1.5
"""So many times more or less than before is told as large, small, long or short."""
_LONG_GAP_DAYS = 7
_CONTENT = (*COUNTS, "gross_minor", "returns_minor")
_BESIDE = {
    "n_treatments": ("message", "messages"), "n_sessions": ("visit", "visits"),
    "n_page_views": ("page viewed", "pages viewed"), "n_clicks": ("click", "clicks"),
    "n_wishlist_adds": ("wish", "wishes"), "n_cart_adds": ("product put in the cart",
    "products put in the cart"), "n_campaign_responses": ("answer to a campaign",
    "answers to campaigns"),
}  # fmt: skip


@dataclass(frozen=True)
class DayEffects:
    """What the days of customers add to the log-odds of P(no purchase in the horizon).

    Attributes
    ----------
    days
        One row per customer and day, in the order of the frame and of time: customer_id, day,
        `added` (its share), `against_usual` (what it adds against the customer's usual day) and
        `sentence`.
    base, rest
        Log-odds of average days at an average cutoff, and what the time since and the sums of the
        last months add: (n_customers,) each.
    """

    days: pl.DataFrame
    base: Vector
    rest: Vector


def day_effects(
    model: SequenceModel, frame: pl.DataFrame, horizon_days: int, *, currency: str = ""
) -> DayEffects:
    """Explain the silence that is predicted of customers.

    Parameters
    ----------
    frame
        customer_id, cutoff_day and `recent_days`, one row per customer.
    currency
        Written before amounts.
    """
    histories = Histories.of_frame(frame, minor_digits=model.minor_digits)
    cutoffs = frame["cutoff_day"].cast(pl.Int64).to_numpy()
    added, base, rest = [np.empty(0)], np.zeros(frame.height), np.zeros(frame.height)
    usual, sentences = [np.empty(0)], list[str]()
    for row in range(frame.height):
        one, cutoff = histories.some(np.array([row])), cutoffs[row : row + 1]
        shares, base[row], rest[row] = _share(model, one, cutoff, horizon_days)
        added.append(shares)
        usual.append(_against_usual(model, one, cutoff, horizon_days))
        sentences += tell_days(one, currency=currency)
    days = pl.DataFrame(
        {
            "customer_id": frame["customer_id"].gather(histories.customer),
            "day": pl.Series(histories.day, dtype=pl.Int32),
            "added": np.concatenate(added),
            "against_usual": np.concatenate(usual),
            "sentence": pl.Series(sentences, dtype=pl.String),
        }
    )
    return DayEffects(days, base, rest)


def silence_log_odds(log_odds: Matrix, horizon_days: int) -> Vector:
    """Log-odds of P(no purchase in the horizon), (n,), of the hazards' log-odds."""
    silence = log_silence(log_odds, horizon_days)
    return np.asarray(silence - np.log(-np.expm1(silence)))


def _slopes(log_odds: Matrix, horizon_days: int) -> Matrix:
    """The derivative of `silence_log_odds` by each hazard's log-odds, (n, n_bins)."""
    hazard = (1 + np.tanh(log_odds / 2)) / 2
    share_of_time = 1 / -np.expm1(log_silence(log_odds, horizon_days))
    return np.asarray(-hazard * bin_shares(horizon_days) * share_of_time[:, None])


def _share(
    model: SequenceModel, one: Histories, cutoff: Integers, horizon_days: int
) -> tuple[Vector, float, float]:
    """Integrated gradients of one customer: each day's share, the base and the rest."""
    tokens, queries = model.inputs(one, cutoff)
    points = ((np.arange(_POINTS) + 0.5) / _POINTS).astype(np.float32)
    on_way = points[:, None, None] * tokens[None], points[:, None] * queries
    slopes = _slopes(_log_odds(model, *on_way), horizon_days).astype(np.float32)
    of_tokens, of_queries = model.network.gradients(*on_way, slopes)
    start = _log_odds(model, 0 * tokens[None], 0 * queries)
    base = float(silence_log_odds(start, horizon_days)[0])
    shares = (of_tokens.mean(axis=0) * tokens).sum(axis=1)
    rest = float((of_queries.mean(axis=0) * queries[0]).sum())
    return shares.astype(np.float64), base, rest


def _log_odds(model: SequenceModel, tokens: Numbers32, queries: Numbers32) -> Matrix:
    """The hazards' log-odds of customers with as many days each: (n, n_days, n_token)."""
    n, n_days, n_token = tokens.shape
    start = np.arange(n + 1) * n_days
    states = model.network.read(tokens.reshape(n * n_days, n_token), start)
    return model.network.answer("hazards", states, queries).astype(np.float64)


def _against_usual(
    model: SequenceModel, one: Histories, cutoff: Integers, horizon_days: int
) -> Vector:
    """What each day of one customer adds against the customer's usual day of its kind."""
    n_days = len(one.day)
    if not n_days:
        return np.zeros(0)
    copies = one.some(np.zeros(n_days + 1, dtype=np.int64))
    usual = {name: _with_usual(one.days[name], one.bought > 0) for name in _CONTENT}
    tokens, queries = model.inputs(
        replace(copies, days={**copies.days, **usual}), np.repeat(cutoff, n_days + 1)
    )
    log_odds = _log_odds(model, tokens.reshape(n_days + 1, n_days, -1), queries)
    silence = silence_log_odds(log_odds, horizon_days)
    return np.asarray(silence[0] - silence[1:])


def _with_usual(values: Integers, bought: Booleans) -> Integers:
    """Copies of a customer's days, one after the other: as they were, then each with one day's
    value replaced by the median of the other days of its kind.
    """
    copies = np.tile(values, (len(values) + 1, 1))
    for kind in (True, False):
        places = np.flatnonzero(bought == kind)
        if len(places) < 2:
            continue
        of_kind = np.sort(values[places])
        rank = np.searchsorted(of_kind, values[places])
        # Of the others, as many lie below the middle as above it, or one fewer.
        middle = (len(places) - 2) // 2
        copies[places + 1, places] = of_kind[np.where(rank <= middle, middle + 1, middle)]
    return copies.ravel()


def tell_days(one: Histories, *, currency: str) -> list[str]:
    """A sentence for each day of one customer.

    The order of a day is told by its size beside the orders before it, or by how long it had been
    in coming; any other day by what happened on it.
    """
    sentences, before = list[str](), list[int]()
    for place, day in enumerate(one.day.tolist()):
        when = f"{date_of(day):%-d %B %Y}"
        if one.bought[place]:
            sentences.append(f"the order of {when}{_tell_order(one, place, before, currency)}")
            before.append(place)
        else:
            sentences.append(f"on {when}: {_tell_beside(one, place, currency)}")
    return sentences


def _tell_order(one: Histories, place: int, before: Sequence[int], currency: str) -> str:
    amount = format_value(float(one.amount[place]), "currency", currency=currency)
    worth = f" ({amount})" if one.amount.any() else ""
    if not before:
        return f"{worth} was the first"
    sizes = one.amount if one.amount.any() else one.days["n_lines"].astype(np.float64)
    size, last = _size_beside(sizes, place, before), _size_beside(sizes, before[-1], before[:-1])
    if size and last and size != last:
        return f"{worth} was {size} after a {last} one"
    if size:
        return f"{worth} was {size} beside those before"
    if last:
        return f"{worth} was as usual after a {last} one"
    return f"{worth}{_tell_gap(one, place, before)}"


def _size_beside(sizes: Vector, place: int, before: Sequence[int]) -> str:
    """Whether a size is large or small beside the median of those before; empty if neither."""
    if not before:
        return ""
    usual = float(np.median(sizes[list(before)]))
    if sizes[place] > _UNUSUAL * usual:
        return "large"
    return "small" if sizes[place] * _UNUSUAL < usual else ""


def _tell_gap(one: Histories, place: int, before: Sequence[int]) -> str:
    gap = int(one.day[place] - one.day[before[-1]])
    gaps = np.diff(one.day[list(before)])
    came = f" came {format_value(gap, 'days')} after the one before"
    if not len(gaps):
        return came
    usual = float(np.median(gaps))
    is_usual = usual / _UNUSUAL <= gap <= usual * _UNUSUAL or max(gap, usual) < _LONG_GAP_DAYS
    return f"{came}, as usual" if is_usual else f"{came}; usual were {format_value(usual, 'days')}"


def _tell_beside(one: Histories, place: int, currency: str) -> str:
    """What happened on a day without an order."""
    counts = {name: int(one.days[name][place]) for name in _BESIDE}
    facts = [f"{n:,} {_BESIDE[name][n != 1]}" for name, n in counts.items() if n]
    if one.days["returns_minor"][place]:
        returned = float(one.amount[place] - one.net[place])
        facts.append(f"{format_value(returned, 'currency', currency=currency)} came back")
    return f"{', '.join(facts) or 'nothing that is counted'}, no order"
