"""The service: a worker, the couriers of its messages, and what Prometheus is told of it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from holdfast.errors import MissingExtra
from holdfast.stream.alerts.delivery import Couriers
from holdfast.stream.state.postgres import connect
from holdfast.stream.step import Outcome
from holdfast.stream.worker import Worker

if TYPE_CHECKING:
    from holdfast.study.stream import Stream


def serve_stream(worker: Worker, *, metrics_host: str, metrics_port: int | None) -> Outcome:
    """Work until told to end, and send what is to be sent meanwhile.

    Raises
    ------
    HoldfastError
        As `Worker.run`; or nothing can listen at the port.
    """
    settings = worker.study.stream
    assert settings is not None
    with ExitStack() as stack:
        if metrics_port is not None:
            stack.enter_context(_metrics(worker, settings, metrics_host, metrics_port))
        stack.enter_context(Couriers(lambda: connect(settings), worker.study.alert_route))
        return worker.run()


@contextmanager
def _metrics(worker: Worker, settings: "Stream", host: str, port: int) -> Iterator[None]:
    try:
        from prometheus_client import CollectorRegistry

        from holdfast.stream.metrics import StageSeconds, StreamMetrics, serve_metrics
    except ImportError:
        raise MissingExtra("stream", needed_for="--metrics-port") from None
    registry = CollectorRegistry()
    registry.register(StreamMetrics(lambda: connect(settings)))
    worker.reached = StageSeconds(registry)
    with serve_metrics(host, port, registry):
        yield
