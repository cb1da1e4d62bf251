import numpy as np
import pyarrow as pa

from holdfast.io.text_files import integers, provenance


def test_where_a_row_came_from_is_its_file_and_its_number():
    file, row = provenance(3, np.array([7, 9]))
    assert (file.type, file.to_pylist()) == (pa.int32(), [3, 3])
    assert (row.type, row.to_pylist()) == (pa.int64(), [7, 9])


def test_integers_that_lie_apart_in_memory_are_read_in_order():
    assert integers(np.arange(10)[::3]).to_pylist() == [0, 3, 6, 9]
    assert integers(np.array([], dtype=np.int64)).to_pylist() == []
