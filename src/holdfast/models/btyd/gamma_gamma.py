"""Gamma-Gamma: what an order of a customer is worth, when all of a customer's orders vary around its own mean.

An order is Gamma(p, nu) with nu ~ Gamma(q, gamma) across customers, whatever their number of orders. Fader & Hardie
2013, The Gamma-Gamma model of monetary value (brucehardie.com, note 025); equation numbers are theirs.
"""

from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, psi

from holdfast.errors import DataError, HoldfastError, NotEnoughData
from holdfast.models.btyd.fitting import LOG_LIMIT, FloatArray, Objective, describe, maximise
from holdfast.models.btyd.histories import checked_weights

# Below q = 1 the mean order value of the population is infinite, and with it that of a new customer.
LEAST_Q = 1.02
