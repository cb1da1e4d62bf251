"""A stream begins with the whole history, or not at all."""

from typing import Any
from uuid import uuid4

import pytest
from tests.stream.brokers import NATS_URL
from tests.stream.conftest import DSN
from tests.stream.shops import HISTORY, Shop

from holdfast.errors import DataError, HoldfastError
from holdfast.stream.state.loading import initialise
from holdfast.stream.state.postgres import connect
from holdfast.study.stream import Stream


def test_a_stream_begins_with_the_history_at_the_source_s_first_message(shop: Shop) -> None:
    shop.write_history(HISTORY)
    shop.send([])
    loaded = initialise(shop.study)
    assert (loaded.customers, loaded.lines, loaded.partitions) == (2, 3, 1)
    assert shop.rows("SELECT partition, position::int FROM positions") == [(0, -1)]


def test_a_broker_without_the_stream_leaves_no_state_behind(shop: Shop) -> None:
    shop.write_history(HISTORY)
    usual = shop.settings
    shop.settings = {
        "source": "jetstream", "path": None, "url": NATS_URL, "topic": "nobody-made-it",
    }  # fmt: skip
    with pytest.raises(HoldfastError, match="nobody-made-it"):
        initialise(shop.study)
    shop.settings = usual
    shop.send([])
    assert initialise(shop.study).lines == len(HISTORY)


def test_a_history_that_cannot_be_read_leaves_no_state_behind(shop: Shop) -> None:
    shop.write_history([])
    shop.send([])
    with pytest.raises(DataError):
        initialise(shop.study)
    shop.write_history(HISTORY)
    assert initialise(shop.study).lines == len(HISTORY)


def test_a_database_that_cannot_hold_every_text_is_refused_with_its_encoding(
    state: Any, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"ascii_{uuid4().hex[:12]}"
    state.execute(
        f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' "
        "TEMPLATE template0"
    )
    try:
        monkeypatch.setenv("HOLDFAST_POSTGRES_DSN", DSN.rpartition("/")[0] + f"/{name}")
        with pytest.raises(DataError, match="has the encoding SQL_ASCII"):
            connect(stream)
    finally:
        state.execute(f"DROP DATABASE {name}")
