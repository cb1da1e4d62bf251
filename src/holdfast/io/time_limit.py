"""A time limit for what has none of its own: the look-up of a name, a server that trickles."""

from collections.abc import Callable
from queue import Empty, Queue
from threading import Thread

from holdfast.errors import HoldfastError


def send_within(seconds: float, send: Callable[[], str]) -> str | HoldfastError:
    """Send; what was answered, or what went wrong. One that is late may still arrive."""
    answers: Queue[str | HoldfastError] = Queue()

    def answer() -> None:
        try:
            answers.put(send())
        except HoldfastError as error:
            answers.put(error)
        # Its words may hold the address.
        except Exception as error:
            answers.put(HoldfastError(f"it cannot be sent: {type(error).__name__}"))

    Thread(target=answer, daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except Empty:
        return HoldfastError(f"nobody answered within {seconds:g} seconds")
