"""The tables and sentences of a plan, of the history behind it and of the verdicts on its offers,
from their plain values.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from holdfast.campaigns.uplift.verdict import LEVEL
from holdfast.report.formatting import (
    NONE,
    capital,
    chance,
    decimal,
    listing,
    money,
    percent,
    plural,
)
from holdfast.report.table_columns import Col
from holdfast.report.table_format import Table, make_table


def results(campaigns: pl.DataFrame, *, currency: str) -> Table:
    """What each past campaign did, the latest first.

    Parameters
    ----------
    campaigns
        CAMPAIGNS.
    """
    rows = campaigns.sort("day", "campaign", "offer", descending=[True, False, False])
    columns = (
        Col("campaign"), Col("day", "Date", "day"), Col("offer"),
        Col("contacted", "Contacted / held out", "count", "{contacted} / {held_out}"),
        Col("bought", "More buyers", "percent", "{bought} ({bought_low} to {bought_high})"),
        Col("margin", "Margin a head", "money", "{margin} ({margin_low} to {margin_high})"),
        Col("cost", kind="money"), Col("pays", "Paid?"),
    )  # fmt: skip
    days = plural(int(rows["days"][0]), "day")
    caption = f"Past campaigns, {days} from the draw, against those held out; 95% intervals"
    return make_table(caption, rows, *columns, currency=currency)


def results_sentence(campaigns: pl.DataFrame, *, currency: str) -> str:
    """All past campaigns in a sentence."""
    n = campaigns["campaign"].n_unique()
    head = f"{plural(n, 'past campaign')} had customers held out and can be read out."
    measured = campaigns.drop_nulls("net")
    if measured.is_empty():
        return head
    counts = (measured.filter(pays=word)["campaign"].n_unique() for word in ("yes", "no"))
    paid, lost = (count or "none" for count in counts)
    net = money(float(measured["net"].sum()), currency)
    return (
        f"{head} Together they brought {net} net of their cost, by their own estimates; {paid} "
        f"certainly paid, {lost} certainly did not."
    )


def history(values: Mapping[str, Any]) -> Iterator[Table]:
    """What each offer is estimated to add in each segment, and what was measured."""
    currency = values["currency"]
    rows = [
        {
            "offer": cell["offer"], "segment": cell["segment"], "basis": cell["basis"],
            "customers": f"{cell['contacted']:,} / {cell['held_out']:,}",
            "measured": _with_error(cell, currency),
            "adds": _amount(cell["mean"], cell["unit"], currency),
            "range": f"{_amount(cell['low'], cell['unit'], currency)} to "
            f"{_amount(cell['high'], cell['unit'], currency)}",
            "assumed": _amount(cell["assumed"], cell["unit"], currency),
            "moved": f"{cell['moved']:+.2f}",
        }
        for cell in values["cells"]
    ]  # fmt: skip
    yield make_table(
        "What each offer adds per customer contacted, before its cost",
        rows,
        "offer segment basis",
        Col("customers", "Contacted / held out"),
        Col("measured", "Measured (error)"),
        Col("adds", "Estimate"),
        Col("range", "90% range"),
        Col("assumed", "Before any data"),
        Col("moved", "Moved by"),
    )
    if values["persistence"]:
        yield _persistence(values["persistence"])


def _persistence(rows: Sequence[Mapping[str, Any]]) -> Table:
    """How much of each offer's effect is left."""
    first = rows[0]
    shown = [
        {**row, "range": f"{row['low']:.2f} to {row['high']:.2f}", "left": f"{row['estimate']:.2f}"}
        for row in rows
    ]
    return make_table(
        f"Effect within {first['long_days']} days over that within {first['short_days']}",
        shown,
        Col("offer"),
        Col("campaigns", "Campaigns left alone", kind="count"),
        Col("left", "Effect that is left"),
        Col("range", "90% range"),
        Col("used", "A plan claims", kind="percent"),
        Col("uplift_source", "From"),
    )


def belief_lines(cells: Sequence[Mapping[str, Any]], currency: str) -> Iterator[str]:
    """What was believed of an offer in each segment before any data, and what is now.

    Parameters
    ----------
    cells
        Of `OfferHistory.table`.
    """
    for cell in cells:
        before, now = (_amount(cell[name], cell["unit"], currency) for name in ("assumed", "mean"))
        yield f"{cell['offer']}, {cell['segment']}: {before} before, {now} now"


def history_sentences(values: Mapping[str, Any]) -> Iterator[str]:
    """What a reader must know of the table."""
    yield (
        f"Margin within {plural(values['days'], 'day')} of the contact; nothing is claimed beyond."
        ' "Moved by" is how far data moved what was assumed before any, in its own standard '
        "deviations."
    )
    for each in values["acceptance"]:
        yield _describe_acceptance(each)
    for each in values["observed"]:
        yield _describe_observed(each, values["currency"])
    for note in values["notes"]:
        yield f"{capital(note)}."


def effect_unit(outcome: str, currency: str) -> str:
    """The currency of an effect; empty where it is on the chance of buying."""
    return "" if outcome == "purchase" else currency


def verdict_sentence(verdict: Mapping[str, Any], *, unit: str) -> str:
    """Say whether an offer works, and whether it matters whom it goes to.

    Parameters
    ----------
    verdict
        Of `OfferVerdict.as_dict`.
    unit
        Of `effect_unit`.
    """
    return " ".join(_verdict_sentences(verdict, unit))


def _verdict_sentences(verdict: Mapping[str, Any], unit: str) -> Iterator[str]:
    head, word, value = f"{verdict['offer']}:", verdict["word"], verdict["effect"]["value"]
    mean = f"On average a contact brings {_gain(verdict['effect'], unit)}"
    if word == "choose":
        yield f"{head} it matters whom to contact. {mean}."
        yield from _sentences_of_choice(verdict, unit)
    elif word == "no effect":
        yield (
            f"{head} no evidence that it changes anything, and none for choosing among customers. "
            f"{mean}, from {verdict['contacted']:,} contacted and {verdict['held_out']:,} held out."
        )
    else:
        whom = "everyone or nobody" if value > 0 else "nobody: it does harm"
        yield f"{head} no evidence for choosing among customers: contact {whom}. {mean}."
    if verdict["p_choice"] < LEVEL and word != "choose":
        yield "The effect seems to differ among customers, but no ranking tells them apart."
    if verdict["harmful"]:
        names = listing([f"'{name}'" for name in verdict["harmful"]])
        yield f"Harmful: {names} would put those first who gain less than the others."


def _sentences_of_choice(verdict: Mapping[str, Any], unit: str) -> Iterator[str]:
    if verdict["groups"]:
        last, first = (_gain(verdict["groups"][k]["effect"], unit) for k in (0, -1))
        yield f"The fifth that is ranked first brings {first}; the last, {last}."
    if verdict["beside_rule"] is not None:
        against = {
            "tie": "are in a tie with", "better": "are better than", "worse": "are worse than",
        }[verdict["beside_rule"]]  # fmt: skip
        yield f"All rankings together {against} the rule '{verdict['best_rule']}'."


def _gain(effect: Mapping[str, float], unit: str) -> str:
    """An effect with its 95 % interval, as whoever decides would say it."""
    value, low, high = (effect[name] for name in ("value", "low", "high"))
    if low * high > 0:
        ends = sorted((abs(low), abs(high)))
        least, most = (_size(end, unit) if unit else decimal(100 * end, 1) for end in ends)
    else:
        least, most = (f"{_size(end, unit)} {_way(end)}" for end in (low, high))
    what = "" if unit else " in the chance of buying"
    return f"{_size(value, unit)} {_way(value)}{what}, between {least} and {most}"


def _size(value: float, unit: str) -> str:
    return money(abs(value), unit) if unit else f"{decimal(100 * abs(value), 1)} points"


def _way(value: float) -> str:
    return "more" if value >= 0 else "less"


def _describe_acceptance(each: Mapping[str, Any]) -> str:
    head = f"{each['offer']}: {percent(each['acceptance'])} accept, which is {each['source']}"
    if each["source"] == "assumed":
        return f"{head}."
    rates = [cell["rate"] for cell in each["segments"]]
    return (
        f"{head} on {plural(each['contacted'], 'contact')}; by segment {percent(min(rates))} to "
        f"{percent(max(rates))}."
    )


def _describe_observed(each: Mapping[str, Any], currency: str) -> str:
    head = f"{each['campaign']} ({each['offer']}) had no hold-out: observed, and never a profit."
    if each["refused"]:
        return f"{head} Nothing is said of it: {each['refused']}."
    ranges = "; ".join(
        f"{money(low, currency)} to {money(high, currency)} if something unseen changed the odds of"
        f" contact {factor}-fold"
        for factor, (low, high) in each["ranges"].items()
    )
    return (
        f"{head} Adjusted for what is recorded, {money(each['effect'], currency)} a customer: "
        f"{ranges}. A half-and-half test of {plural(each['test_size'], 'customer')} would settle "
        "it."
    )


def _with_error(cell: Mapping[str, Any], currency: str) -> str:
    if cell["measured_effect"] is None:
        return NONE
    return f"{money(cell['measured_effect'], currency)} ({money(cell['measured_error'], currency)})"


def _amount(value: float | None, unit: str, currency: str) -> str:
    if value is None:
        return NONE
    return percent(value) if unit == "rate" else money(value, currency)


def plan_sentences(values: Mapping[str, Any]) -> Iterator[str]:
    """The plan in words."""
    currency, total = values["currency"], values["total"]
    yield (
        f"Contact {plural(values['contacted'], 'customer')} for {money(total['cost'], currency)}, "
        f"and leave {plural(values['held_out'], 'customer')} alone, drawn at random, who would "
        "have got an offer."
    )
    yield (
        f"Net return: {money(total['net'], currency)} ({money(total['net_low'], currency)} to "
        f"{money(total['net_high'], currency)} in nine cases of ten); it pays with a chance of "
        f"{chance(total['p_net_above_0'])}. If it is wrong: {_loss(total, currency)}."
    )
    price = values["budget_price"]
    more = money(price, currency)
    yield (
        f"One more {currency} of budget would bring {more} net."
        if price > 0
        else "More budget would bring nothing: everybody who is worth a contact gets one."
    )


def _loss(total: Mapping[str, Any], currency: str) -> str:
    return f"an expected loss of {money(total['expected_loss'], currency)}"


def plan(values: Mapping[str, Any]) -> Iterator[Table]:
    """The offers, and the segments of each."""
    currency = values["currency"]
    yield make_table(
        "By offer", [_plan_row(each, currency) for each in values["offers"]], *_columns("offer")
    )
    units = {each["offer"]: each["unit"] for each in values["offers"]}
    rows = [
        _plan_row({**cell, "unit": units[cell["offer"]], "uplift_source": cell["basis"]}, currency)
        for cell in values["cells"]
    ]
    yield make_table("By segment on the day of contact", rows, *_columns("segment", "offer"))


def _columns(*names: str) -> Sequence[Col]:
    return (
        *map(Col, names),
        Col("contacts", kind="count"),
        Col("cost"),
        Col("net"),
        Col("range", "90% range"),
        Col("pays", "Chance that it pays"),
        Col("uplift", "Adds per contact"),
        Col("break_even", "Breaks even at"),
        Col("source", "From"),
    )


def _plan_row(each: Mapping[str, Any], currency: str) -> dict[str, Any]:
    return {
        "offer": each["offer"], "segment": each.get("segment"), "contacts": each["contacts"],
        "cost": money(each["cost"], currency), "net": money(each["net"], currency),
        "range": f"{money(each['net_low'], currency)} to {money(each['net_high'], currency)}",
        "pays": chance(each["p_net_above_0"]),
        "uplift": _amount(each["uplift"], each["unit"], currency),
        "break_even": _amount(each["break_even"], each["unit"], currency),
        "source": each["uplift_source"],
    }  # fmt: skip
