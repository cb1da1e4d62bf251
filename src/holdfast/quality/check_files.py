"""The first contract of a study, open to be tightened: what it takes for granted of its inputs, as
ODCS 3.1.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from holdfast.errors import InputError
from holdfast.ingest.data_contract import API_VERSION, ENFORCEMENT, INPUTS, ROLE, Kind
from holdfast.study import Study

ODCS_FILE = "contract.odcs.yaml"
_HEAD = """\
# What the study takes for granted of its inputs (Open Data Contract Standard 3.1). Tighten it, and
# name it there: [check] contract = "contract.odcs.yaml". Ranges, patterns and `required` quarantine
# the rows that break them; `quality` limits make the check fail.
"""


def write_contract(contract: Mapping[str, Any], folder: Path) -> Path:
    """Write the contract.

    Raises
    ------
    InputError
        One is there already, maybe tightened by hand.
    """
    path = folder / ODCS_FILE
    if path.exists():
        raise InputError(f"there is a {path} already", fix="move it away, or name another folder")
    odcs = yaml.safe_dump(dict(contract), sort_keys=False, allow_unicode=True, width=110)
    return write_text(path, _HEAD + odcs)


def write_text(path: Path, text: str) -> Path:
    """Write a file of a check, in a folder that is made if there is none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}", fix="name a folder you may write to"
        ) from None
    return path


Promises = dict[str, Any]

_GRAIN = {
    "transactions": "One row per order line.",
    "events": "One row per event of a customer, or per customer, moment and kind with a count.",
    "customers": "One row per customer and day from which the attributes were known.",
    "treatments": "One row per customer and campaign, those held out included.",
    "snapshot": "One row per customer.",
}
_PURPOSE = "What the study takes for granted of its inputs. Tighten it, and name it there."
_WHO = "The business's own name of the customer; rows without one are set aside."
_NOT_NEGATIVE = {"logicalTypeOptions": {"minimum": 0}}


def draft_contract(study: Study, kinds: Mapping[str, Mapping[str, Kind]]) -> dict[str, Any]:
    """Say what the study itself takes for granted.

    Parameters
    ----------
    kinds
        Input -> column -> kind, of all columns that the source has; those without a role are
        described, and nothing more is asked of them.
    """
    log = study.transactions
    days = study.check.needs.last_order_days
    latency = {"property": "latency", "value": days, "unit": "d"}
    element = f"transactions.{log.columns.occurred_at}" if log else ""
    return {
        "version": "1.0.0",
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": f"holdfast-{study.name}",
        "name": study.name,
        "status": "active",
        "description": {"purpose": _PURPOSE},
        "schema": [
            _object(name, source, study, kinds.get(name, {}))
            for name in INPUTS
            if (source := getattr(study, name)) is not None
        ],
        "slaProperties": [{**latency, "element": element}] if log else [],
    }


def _object(name: str, source: Any, study: Study, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    roles = {column: role for role, column in source.columns if column is not None}
    attributes = dict.fromkeys(getattr(source, "attributes", ()), "An attribute a model may use.")
    promised = _promises(name, study)
    properties = [
        _property(column, role, {"logicalType": "string", **promised.get(role, {})})
        for column, role in roles.items()
    ]
    properties += [
        _property(column, None, {"logicalType": kind, "description": attributes.get(column)})
        for column, kind in kinds.items()
        if column not in roles
    ]
    quality = {"metric": "rowCount", "mustBeGreaterThan": 0, "dimension": "completeness"}
    if name == "snapshot":
        key = {"properties": [source.columns.customer_id]}
        quality = {"metric": "duplicateValues", "mustBe": 0, "dimension": "uniqueness"}
        quality["arguments"] = key
    return {
        "name": name,
        "logicalType": "object",
        "dataGranularityDescription": _GRAIN[name],
        "properties": properties,
        "quality": [quality],
    }


def _property(column: str, role: str | None, promises: Promises) -> Promises:
    unit = promises.pop("unit", None)
    custom = [
        {"property": key, "value": value} for key, value in ((ROLE, role), ("unit", unit)) if value
    ]
    kind = promises.pop("logicalType")
    values = {"name": column, "logicalType": kind, "required": False, **promises}
    return {key: value for key, value in values.items() if value is not None} | (
        {"customProperties": custom} if custom else {}
    )


def _promises(name: str, study: Study) -> dict[str, Promises]:
    """Role -> what its column promises: a string, unless it is one of these."""
    log = study.transactions
    money = {"logicalType": "number", "unit": f"{study.currency}, {study.minor_digits} decimals"}
    zone = f"in the time zone {study.time_zone} unless it names an offset"
    when = {"logicalType": "timestamp", "unit": zone}
    needed = {"required": True}
    priced = {"required": log is not None and log.columns.is_priced_by_unit}
    customer: Promises = {"required": name == "snapshot", "description": _WHO}
    if log is not None and name in ("events", "customers", "treatments"):
        custom = [{"property": ENFORCEMENT, "value": "report"}]
        to = f"transactions.{log.columns.customer_id}"
        link = {"type": "foreignKey", "to": to, "customProperties": custom}
        customer["relationships"] = [link]
    return {
        "customer_id": customer,
        "occurred_at": when | needed,
        "known_from": when | needed,
        "ended_on": when | {"description": "Blank while the contract runs."},
        "quantity": {"logicalType": "number", "unit": "units"} | priced,
        "unit_price": money | priced,
        "amount": money | needed,
        "n": {"logicalType": "integer", "unit": "events"} | needed | _NOT_NEGATIVE,
        "treated": {"logicalType": "boolean"} | needed,
        "campaign": needed,
        "propensity": {
            "logicalType": "number",
            "logicalTypeOptions": {"minimum": 0, "maximum": 1},
            "unit": "share, 0..1",
        },
        "cost": money | _NOT_NEGATIVE,
    }
