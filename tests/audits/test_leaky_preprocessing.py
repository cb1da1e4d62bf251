"""Columns that were computed from test rows too."""

import numpy as np
from tests.audits.tables import ROWS, customers_of, noise

from holdfast.audits.leaky_preprocessing import find_encoded_outcome, find_scaling_on_all_rows

CITY = np.arange(ROWS) % 5
# In city k, one in k + 2 left: the rates differ, and so do the numbers of rows below.
LEFT = np.arange(ROWS) // 5 % (CITY + 2) == 0
RATES = np.array([LEFT[k == CITY].mean() for k in range(5)])
TEST = np.arange(ROWS) >= ROWS // 2


def test_words_replaced_by_their_churn_rate_are_found():
    (finding,) = find_encoded_outcome(customers_of({"city": RATES[CITY]}, left=LEFT, test=TEST))
    assert (finding.name, finding.severity) == ("encoded-outcome", "fatal")
    assert finding.evidence == (
        "city: its 5 values are the churn rates of the rows that have them, "
        "counted over learning and test rows together"
    )


def test_smoothed_rates_are_found_with_their_weight():
    rows = np.arange(ROWS) % 9
    city = np.select([rows < 1, rows < 3, rows < 4, rows < 8], [0, 1, 2, 3], default=4)
    left = np.random.default_rng(2).random(ROWS) < 0.1 + 0.15 * city
    n, churned = (np.bincount(city, weights=w) for w in (np.ones(ROWS), left))
    smoothed = (churned + 20 * left.mean()) / (n + 20)
    (finding,) = find_encoded_outcome(customers_of({"city": smoothed[city]}, left=left))
    assert "(as if 20 more), counted over all rows" in finding.evidence


def test_a_code_that_is_no_rate_is_fine():
    assert list(find_encoded_outcome(customers_of({"city": CITY * 1.0}, left=LEFT))) == []


def test_a_scale_taken_over_all_rows_is_found():
    values = noise() + TEST
    scaled = (values - values.mean()) / values.std()
    (finding,) = find_scaling_on_all_rows(customers_of({"spend": scaled}, left=LEFT, test=TEST))
    assert (finding.name, finding.severity) == ("scaled-on-all-rows", "warning")
    assert finding.evidence.startswith("spend have mean 0 and standard deviation 1 over all rows")


def test_a_scale_taken_over_the_rows_that_are_learnt_from_is_fine():
    values = noise() + TEST
    scaled = (values - values[~TEST].mean()) / values[~TEST].std()
    assert (
        list(find_scaling_on_all_rows(customers_of({"spend": scaled}, left=LEFT, test=TEST))) == []
    )


def test_two_columns_from_0_to_1_are_a_scale_and_one_is_a_share():
    first, second = (np.linspace(0, 1, ROWS) ** power for power in (1, 2))
    assert (
        list(find_scaling_on_all_rows(customers_of({"share": first}, left=LEFT, test=TEST))) == []
    )
    (finding,) = find_scaling_on_all_rows(
        customers_of({"a": first, "b": second}, left=LEFT, test=TEST)
    )
    assert "a, b reach from 0 to 1 exactly" in finding.evidence
