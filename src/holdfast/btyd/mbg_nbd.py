"""MBG/NBD: the BG/NBD in which a customer may leave right after the first purchase as well.

The BG/NBD holds every one-time buyer for alive. Batislam, Denizel & Filiztekin 2007, Empirical
validation and comparison of models for customer base analysis, IJRM 24(3); independently Hoppe &
Wagner 2007 as the CBG/NBD.
"""

from typing import ClassVar

from holdfast.btyd.bg_nbd import BGNBD


class MBGNBD(BGNBD):
    """Modified beta-geometric / negative binomial distribution: the formulas of the BG/NBD with one
    more chance to go.

    Examples
    --------
    >>> model = MBGNBD.from_parameters(r=0.5248, alpha=6.1831, a=0.8914, b=1.6140)
    >>> model.probability_alive(0, 0, 39).round(2)  # the BG/NBD says 1
    array([0.39])
    """

    EARLY_CHANCES: ClassVar[int] = 1
