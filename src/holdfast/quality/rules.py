"""Rules of the study, and of its contract, that change nothing."""

from collections.abc import Iterator

from holdfast.findings import Finding
from holdfast.ingest.contract import named_contract
from holdfast.ingest.order_log import OrderLog
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
