"""LightGBM's predictions straight from its library, without its Python package.

Importing the package imports scikit-learn and pandas too: 4 s of CPU and 90 MB in every process
that only predicts. The functions called here are LightGBM's documented C interface. One row takes a
path of its own that is prepared once.
"""

import ctypes
import weakref
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np

from holdfast.arrays import Matrix, Vector
from holdfast.errors import HoldfastError

_KINDS = {"raw": 1, "contributions": 3}
_FLOAT64, _ROW_MAJOR, _FIRST_TREE, _ALL_TREES = 1, 1, 0, -1


@cache
def _library() -> ctypes.CDLL:
    spec = find_spec("lightgbm")
    folder = Path(str(spec.origin)).parent if spec is not None else Path()
    files = (
        base / name
        for base in (folder / "lib", folder, folder / "bin")
        for name in ("lib_lightgbm.so", "lib_lightgbm.dylib", "lib_lightgbm.dll")
    )
    path = next((file for file in files if file.exists()), None)
    if path is None:
        raise HoldfastError(
            "LightGBM's library is not installed", fix="pip install --force-reinstall lightgbm"
        )
    library = ctypes.CDLL(str(path))
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


def _call(name: str, *arguments: Any) -> None:
    if getattr(_library(), name)(*arguments):
        reason = _library().LGBM_GetLastError().decode(errors="replace")
        raise HoldfastError(f"LightGBM cannot use the model: {reason}", fix="run the study again")


class LightgbmTrees:
    """A model in LightGBM's text format; may be asked from any thread.

    A damaged text aborts the interpreter: check its hash first.
    """

    def __init__(self, text: str) -> None:
        self._handle = ctypes.c_void_p()
        _call(
            "LGBM_BoosterLoadModelFromString",
            text.encode(),
            ctypes.byref(ctypes.c_int()),
            ctypes.byref(self._handle),
        )
        weakref.finalize(self, _library().LGBM_BoosterFree, self._handle)
        width = ctypes.c_int()
        _call("LGBM_BoosterGetNumFeature", self._handle, ctypes.byref(width))
        self._row = np.empty(width.value)
        self._score, self._length = ctypes.c_double(), ctypes.c_int64()
        self._lock, self._prepared = Lock(), self._prepare()

    def _prepare(self) -> tuple[Any, ...]:
        config = ctypes.c_void_p()
        _call(
            "LGBM_BoosterPredictForMatSingleRowFastInit",
            self._handle,
            _KINDS["raw"],
            _FIRST_TREE,
            _ALL_TREES,
            _FLOAT64,
            ctypes.c_int32(len(self._row)),
            b"num_threads=1",
            ctypes.byref(config),
        )
        weakref.finalize(self, _library().LGBM_FastConfigFree, config)
        row = self._row.ctypes.data_as(ctypes.c_void_p)
        return config, row, ctypes.byref(self._length), ctypes.byref(self._score)

    def raw_of_one(self, row: Vector) -> float:
        """The sum of leaves of one row, (n_features,)."""
        with self._lock:
            self._row[:] = row
            _call("LGBM_BoosterPredictForMatSingleRowFast", *self._prepared)
            return self._score.value

    def predict(
        self, matrix: Matrix, kind: Literal["raw", "contributions"], *, threads: int
    ) -> Matrix:
        """Raw scores, (n_rows,), or contributions, (n_rows, n_features + 1) with the base last."""
        rows = np.ascontiguousarray(matrix, dtype=np.float64)
        shape = (len(rows),) if kind == "raw" else (len(rows), rows.shape[1] + 1)
        values, length = np.empty(shape), ctypes.c_int64()
        if rows.shape[1] != len(self._row):
            raise HoldfastError(
                f"a model of {len(self._row)} columns was given {rows.shape[1]}", fix="report this"
            )
        _call(
            "LGBM_BoosterPredictForMat",
            self._handle,
            rows.ctypes.data_as(ctypes.c_void_p),
            _FLOAT64,
            ctypes.c_int32(len(rows)),
            ctypes.c_int32(rows.shape[1]),
            _ROW_MAJOR,
            _KINDS[kind],
            _FIRST_TREE,
            _ALL_TREES,
            f"num_threads={threads}".encode(),
            ctypes.byref(length),
            values.ctypes.data_as(ctypes.c_void_p),
        )
        return values
