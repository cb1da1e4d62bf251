"""Every audit, in the order in which they are asked: a new one is a file and a line here."""

from holdfast.audits import (
    ceiling,
    circular_label,
    drift,
    joint_leak,
    label_windows,
    late_attributes,
    late_change,
    late_date,
    leaky_column,
    leaky_preprocessing,
    log_days,
    lucky_split,
    naive,
    order_of_outcome,
    prepared_split,
    rewritten_history,
    sudden_change,
    survivorship,
)
from holdfast.audits.log import Log
from holdfast.audits.proof import Proof
from holdfast.audits.question import Audit
from holdfast.audits.table import Table

TABLE_AUDITS: tuple[Audit[Table], ...] = (
    circular_label.AUDIT,
    *leaky_column.AUDITS,
    late_date.AUDIT,
    *leaky_preprocessing.AUDITS,
    *prepared_split.AUDITS,
    drift.AUDIT,
    *label_windows.AUDITS,
    *joint_leak.AUDITS,
    *late_change.AUDITS,
    order_of_outcome.AUDIT,
)
LOG_AUDITS: tuple[Audit[Log], ...] = (
    survivorship.AUDIT,
    *log_days.AUDITS,
    late_attributes.AUDIT,
    *rewritten_history.AUDITS,
    sudden_change.AUDIT,
)
PROOF_AUDITS: tuple[Audit[Proof], ...] = (ceiling.AUDIT, naive.AUDIT, lucky_split.AUDIT)
