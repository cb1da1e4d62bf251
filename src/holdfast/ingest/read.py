"""Read what a study names, an order log or a snapshot."""

from holdfast.ingest.order_log import OrderLog, read_order_log
from holdfast.ingest.snapshot import Snapshot, read_snapshot
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

__all__ = ["OrderLog", "Snapshot", "read_order_log", "read_snapshot", "read_sources"]


def read_sources(study: Study, warehouse: Warehouse) -> OrderLog | Snapshot:
    """Read the study's sources, whichever kind of study it is.

    Raises
    ------
    DataError
        A source cannot be read, breaks its contract, or no row of it can be used.
    StudyError
        The study names something that the sources do not have.
    """
    read = read_order_log if study.snapshot is None else read_snapshot
    return read(study, warehouse)
