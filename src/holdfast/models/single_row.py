"""One row through LightGBM, prepared once: its single-row path skips what a prediction otherwise sets up each time."""

import ctypes
import weakref
from threading import Lock
from typing import Any

import numpy as np

from holdfast.models.links import Vector

_RAW_SCORE, _FLOAT64, _ALL_TREES = 1, 1, -1


class SingleRow:
    """The raw score of one row at a time, on one thread; may be called from any thread.

    Parameters
    ----------
    booster
        A LightGBM booster of one class; kept alive.
    """

    def __init__(self, booster: Any) -> None:
        from lightgbm.basic import _LIB, _safe_call

        self._booster, self._library, self._checked = booster, _LIB, _safe_call
        self._row = np.empty(booster.num_feature(), dtype=np.float64)
        self._found, self._length = ctypes.c_double(), ctypes.c_int64()
        self._config, self._lock = ctypes.c_void_p(), Lock()
        _safe_call(
            _LIB.LGBM_BoosterPredictForMatSingleRowFastInit(
                booster._handle, ctypes.c_int(_RAW_SCORE), ctypes.c_int(0), ctypes.c_int(_ALL_TREES),
                ctypes.c_int(_FLOAT64), ctypes.c_int32(len(self._row)), b"num_threads=1", ctypes.byref(self._config),
            )
        )  # fmt: skip
        self._arguments = (
            self._config,
            self._row.ctypes.data_as(ctypes.c_void_p),
            ctypes.byref(self._length),
            ctypes.byref(self._found),
        )
        weakref.finalize(self, _LIB.LGBM_FastConfigFree, self._config)

    def __call__(self, row: Vector) -> float:
        """The sum of leaves of (n_features,)."""
        with self._lock:
            self._row[:] = row
            self._checked(self._library.LGBM_BoosterPredictForMatSingleRowFast(*self._arguments))
            return self._found.value
