"""Assignment: who is contacted and who is held out, by a lot that never changes.

A customer's lot is a hash of a salt and the customer's name. So the same customer draws the same
lot whoever else is in the list, today and next year; another salt is an independent lottery. The
global hold-out has one salt for good, each campaign has its own.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import chi2

from holdfast.arrays import Booleans, Vector
from holdfast.errors import DataError, InputError

GLOBAL_SALT = "holdfast global hold-out"
_ALARM = 0.001
_DIGEST_BYTES = 8


def draw_lots(customers: Sequence[str] | pl.Series, *, salt: str) -> Vector:
    """Each customer's lot, uniform from 0 up to 1.

    SHA-256 of the salt, a zero byte and the name in UTF-8; its first 8 bytes as a share of 2^64.
    """
    salted = hashlib.sha256(salt.encode() + b"\0")
    digests = bytearray()
    for customer in customers:
        lot = salted.copy()
        lot.update(customer.encode())
        digests += lot.digest()[:_DIGEST_BYTES]
    # A double has 53 bits: more of them could round up to 1.
    whole = np.frombuffer(bytes(digests), dtype=">u8").astype(np.uint64) >> np.uint64(11)
    return whole.astype(float) / 2.0**53


def hold_out(customers: Sequence[str] | pl.Series, *, salt: str, share: float) -> Booleans:
    """Who is held out; whoever is in a small hold-out is in every larger one of that salt."""
    if not 0 <= share < 1:
        raise InputError(
            f"a hold-out of {share:g} of the customers", fix="give a share from 0 to below 1"
        )
    return np.asarray(draw_lots(customers, salt=salt) < share)


def assign(
    customers: Sequence[str] | pl.Series, *, salt: str, shares: Mapping[str, float]
) -> npt.NDArray[np.str_]:
    """Each customer's arm.

    Parameters
    ----------
    shares
        Arm -> share of the customers; they add up to 1. The arms take the lots in this order.
    """
    if any(not share > 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-9:
        raise InputError(
            f"the arms' shares {dict(shares)} do not add up to 1 or one is 0",
            fix="give every arm a share above 0, all of them 1 together",
        )
    ends = np.cumsum(list(shares.values()))[:-1]
    arm = np.searchsorted(ends, draw_lots(customers, salt=salt), side="right")
    return np.array(list(shares))[arm]


def check_ratio(counts: Mapping[str, int], shares: Mapping[str, float], *, of: str) -> float:
    """Hold the sizes of the arms against their planned shares; the p-value of chi-square.

    Parameters
    ----------
    of
        Who was counted, for the sentence: "assigned", "found in the log".

    Raises
    ------
    DataError
        They differ more than chance allows (p < .001): a sample-ratio mismatch.
    """
    counted = np.array([counts.get(arm, 0) for arm in shares], dtype=float)
    planned = np.array(list(shares.values())) / sum(shares.values())
    p_value = _chi_square(counted, counted.sum() * planned, len(counted) - 1)
    if p_value < _ALARM:
        shown = ", ".join(
            f"{arm}: {int(n):,} for {expected:,.0f} planned"
            for arm, n, expected in zip(shares, counted, counted.sum() * planned, strict=True)
        )
        raise DataError(
            f"the arms' sizes among the customers {of} do not fit the plan ({shown}; chance does"
            f" that once in {1 / max(p_value, 1e-12):,.0f} times)",
            fix="find out why customers of one arm are missing before you trust any effect",
            p_value=p_value,
        )
    return p_value


def check_balance(
    arms: npt.NDArray[Any], strata: npt.NDArray[Any], shares: Mapping[str, float]
) -> pl.DataFrame:
    """Arms within each stratum: stratum, arm, customers, planned, p_value, alarm.

    `alarm` says that the stratum's arms do not fit the shares: p < .001 over all strata
    (Bonferroni).
    """
    rows = []
    names = np.unique(strata)
    for name in names.tolist():
        within = arms[strata == name]
        counted = np.array([(within == arm).sum() for arm in shares], dtype=float)
        planned = len(within) * np.array(list(shares.values()))
        p_value = _chi_square(counted, planned, len(counted) - 1)
        alarm = p_value * len(names) < _ALARM
        rows += [
            (str(name), arm, int(n), float(expected), p_value, alarm)
            for arm, n, expected in zip(shares, counted, planned, strict=True)
        ]
    schema = ["stratum", "arm", "customers", "planned", "p_value", "alarm"]
    return pl.DataFrame(rows, schema=schema, orient="row")


def check_missing(missing: Mapping[str, tuple[int, int]]) -> float:
    """Hold the arms' shares of customers without an outcome against each other; the p-value.

    Parameters
    ----------
    missing
        Arm -> customers without an outcome, customers.

    Raises
    ------
    DataError
        One arm misses more than chance allows (p < .001).
    """
    without = np.array([n for n, _ in missing.values()], dtype=float)
    total = np.array([n for _, n in missing.values()], dtype=float)
    share = without.sum() / total.sum()
    if share in (0, 1):
        return 1.0
    expected = np.r_[total * share, total * (1 - share)]
    p_value = _chi_square(np.r_[without, total - without], expected, len(total) - 1)
    if p_value < _ALARM:
        shown = ", ".join(f"{arm}: {n:,} of {of:,}" for arm, (n, of) in missing.items())
        raise DataError(
            f"outcomes are missing more in one arm than in another ({shown})",
            fix="find out why before you trust any effect; give 0 to customers who bought nothing",
            p_value=p_value,
        )
    return p_value


def _chi_square(counted: Vector, expected: Vector, degrees: int) -> float:
    return float(chi2.sf(((counted - expected) ** 2 / expected).sum(), degrees))
