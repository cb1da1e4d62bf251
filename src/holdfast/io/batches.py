"""Arrow arrays for where a row came from, made from memory: `pa.array` and `pa.scalar` would import
pandas.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def integers(values: NDArray[np.int64]) -> pa.Array:
    """An int64 array over the same memory."""
    return _array(np.ascontiguousarray(values, dtype=np.int64), pa.int64())


def provenance(file: int, rows: NDArray[np.int64]) -> list[pa.Array]:
    """The columns `_file` and `_row` of a batch."""
    return [_array(np.full(len(rows), file, dtype=np.int32), pa.int32()), integers(rows)]


def _array(values: NDArray[np.int64] | NDArray[np.int32], kind: pa.DataType) -> pa.Array:
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
