"""MBG/CNBD-k: the MBG/NBD for customers with a rhythm, who buy at every k-th tick of their clock.

Time between purchases is Erlang(k, lambda) instead of exponential: k = 1 is the MBG/NBD, a larger k is more regular.
lambda ~ Gamma(r, alpha) counts ticks; dropout is that of the MBG/NBD. Reutterer, Platzer & Schroeder 2021, Leveraging
purchase regularity for predicting customer behavior the easy way, IJRM 38(1); equation numbers are theirs where given.

The papers approximate the conditional expectation; here it is the exact sum over what the clock may still bring.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaln, gammaln, logsumexp, psi, xlogy

from holdfast.errors import DataError
from holdfast.models.btyd.base import BuyTillYouDie, Parameters
from holdfast.models.btyd.bg_nbd import stayed_through
from holdfast.models.btyd.fitting import FloatArray
from holdfast.models.btyd.histories import Histories, checked, checked_weights

LARGEST_K = 12
NEGLIGIBLE_CHANCE = 1e-13
MOST_PURCHASES = 20_000
BLOCK_CELLS = 1_000_000
