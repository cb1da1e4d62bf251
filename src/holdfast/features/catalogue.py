"""Every feature there is, and which of them a study can have."""

from holdfast.features import (
    basket,
    calendar,
    engagement,
    last_purchases,
    purchases,
    rhythm,
    trend,
)
from holdfast.features.feature import Feature
from holdfast.study import Study

FEATURES: tuple[Feature, ...] = (
    *purchases.FEATURES, *rhythm.FEATURES, *trend.FEATURES, *basket.FEATURES, *engagement.FEATURES,
    *calendar.FEATURES, *last_purchases.FEATURES,
)  # fmt: skip
FEATURES_BY_NAME = {feature.name: feature for feature in FEATURES}


def sources_of(study: Study) -> frozenset[str]:
    """Name what the study's sources hold: "orders", "amounts", "products", "treatments" and kinds
    of event; and "last purchases", where the study asks for them.
    """
    names = set(study.events.kinds.values()) if study.events is not None else set()
    if study.treatments is not None:
        names.add("treatments")
    if study.transactions is not None:
        columns = study.transactions.columns
        has = {
            "orders": columns.order_id is not None,
            "products": columns.product_id is not None,
            "amounts": columns.has_amount,
        }
        names.update(name for name, there in has.items() if there)
        if study.features.last_purchases:
            names.add(last_purchases.LAST_PURCHASES)
    return frozenset(names)


def features_for(sources: frozenset[str]) -> tuple[Feature, ...]:
    """Choose the features whose sources are there, in the catalogue's order.

    >>> [feature.name for feature in features_for(frozenset()) if feature.group == "purchases"][:2]
    ['n_purchases_7d', 'n_purchases_30d']
    """
    return tuple(feature for feature in FEATURES if feature.needs <= sources)


_SILENCE = ("days_since_last_purchase", "overdue_ratio")


def fact_of(feature: Feature) -> str:
    """What a feature tells of a customer: features of one fact are one reason.

    >>> [fact_of(FEATURES_BY_NAME[name]) for name in ("overdue_ratio", "n_orders_90d", "gap_mean")]
    ['silence', 'rhythm', 'rhythm']
    """
    if feature.name in _SILENCE:
        return "silence"
    if feature.name.startswith("return"):
        return "returns"
    if "amounts" in feature.needs:
        return "spend"
    return "rhythm" if feature.group in ("purchases", "trend") else feature.group


def liveliness(feature: Feature) -> int:
    """1 where more of it is a livelier customer, -1 where it is a quieter one, 0 where neither is
    known beforehand.

    >>> [liveliness(FEATURES_BY_NAME[name]) for name in ("overdue_ratio", "spend_90d", "gap_mean")]
    [-1, 1, 0]
    """
    if feature.name in _SILENCE or feature.name.startswith("days_since_last_session"):
        return -1
    is_activity = (
        feature.group in ("purchases", "engagement") and feature.name != "cart_abandon_rate"
    )
    is_of_customer = fact_of(feature) != "returns" and "treatments" not in feature.needs
    return int(is_of_customer and (is_activity or feature.unit == "change"))
