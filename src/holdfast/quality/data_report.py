"""Data report: every topic that is described, and every finding besides, in a list each.

A run describes the days, the largest lines and the new customers; `holdfast check` describes all,
for which every line is read several times.
"""

from collections.abc import Callable, Iterable, Iterator

from holdfast.findings import Finding
from holdfast.ingest.contract import named_contract
from holdfast.ingest.order_log import OrderLog
from holdfast.ingest.snapshot import Snapshot
from holdfast.io.warehouse import Warehouse
from holdfast.quality.calendar import describe_calendar
from holdfast.quality.clock import describe_clock
from holdfast.quality.columns import (
    describe_amounts,
    describe_amounts_by_file,
    describe_columns,
    find_mixed_units_of_attributes,
)
from holdfast.quality.currencies import find_currencies_added_up
from holdfast.quality.customers import (
    describe_ids,
    describe_ids_of,
    describe_new_customers,
    describe_unusual_customers,
)
from holdfast.quality.lines import describe_duplicates, describe_giant_lines, describe_returns
from holdfast.quality.statuses import describe_statuses
from holdfast.quality.topics import Topic
from holdfast.study import Study


def find_unused_rules(log: OrderLog) -> Iterator[Finding]:
    """Say which rules of the study hold for no row at all: most likely they are written for other
    data.
    """
    assert log.study.transactions is not None
    reasons = log.sources[0].reasons
    unused = [rule for rule in log.study.transactions.set_aside if not reasons.get(rule)]
    if unused:
        yield Finding.of("rules-without-rows", rules=", ".join(map(repr, unused)))


def find_rules_not_run(study: Study) -> Iterator[Finding]:
    """Say which rules of the contract Holdfast does not run."""
    contract = named_contract(study)
    if contract is not None and contract.not_checked:
        yield Finding.of("rules-not-run", rules="; ".join(contract.not_checked))


Describe = Callable[[OrderLog], Topic | None]
RUN_TOPICS: tuple[Describe, ...] = (
    describe_calendar,
    describe_giant_lines,
    describe_new_customers,
)
CHECK_TOPICS: tuple[Describe, ...] = (
    *RUN_TOPICS, describe_clock, describe_duplicates, describe_returns, describe_statuses,
    describe_amounts, describe_amounts_by_file, describe_unusual_customers, describe_ids,
)  # fmt: skip
FINDINGS: tuple[Callable[[OrderLog], Iterable[Finding]], ...] = (
    find_currencies_added_up,
    find_mixed_units_of_attributes,
    find_unused_rules,
)


def describe_log(log: OrderLog, topics: Iterable[Describe]) -> tuple[Topic, ...]:
    """Describe a log; a topic that it does not have is left out."""
    described = (describe(log) for describe in topics)
    return tuple(topic for topic in described if topic is not None)


def find_in_log(log: OrderLog) -> Iterator[Finding]:
    """Yield what is odd about a log besides its topics."""
    for find in FINDINGS:
        yield from find(log)


def describe_snapshot(snapshot: Snapshot, warehouse: Warehouse) -> tuple[Topic, ...]:
    """Describe the columns of a snapshot, and its ids."""
    warehouse.con.register("snapshot_frame", snapshot.frame.select("customer_id"))
    columns = describe_columns(snapshot.frame.select(snapshot.columns))
    return columns, describe_ids_of("snapshot_frame", warehouse)
