"""The first contract of a study, open to be tightened: what it takes for granted of its inputs, as
ODCS 3.1.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from holdfast.errors import InputError
from holdfast.study import Study
from holdfast.study.data_contract import API_VERSION, ENFORCEMENT, INPUTS, ROLE, Kind

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


_WORDS: Mapping[str, Any] = tomllib.loads(
    Path(__file__).with_name("contract.toml").read_text(encoding="utf-8")
)


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
        "description": {"purpose": _WORDS["purpose"]},
        "schema": [
            _object(name, source, study, kinds.get(name, {}))
            for name in INPUTS
            if (source := getattr(study, name)) is not None
        ],
        "slaProperties": [{**latency, "element": element}] if log else [],
    }


def _object(name: str, source: Any, study: Study, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    roles = {column: role for role, column in source.columns if column is not None}
    attributes = getattr(source, "attributes", ())
    properties = [_property(name, column, role, study) for column, role in roles.items()]
    properties += [
        {"name": column, "logicalType": kind, "required": False}
        | ({"description": "An attribute a model may use."} if column in attributes else {})
        for column, kind in kinds.items()
        if column not in roles
    ]
    quality: dict[str, Any] = {
        "metric": "rowCount",
        "mustBeGreaterThan": 0,
        "dimension": "completeness",
    }
    if name == "snapshot":
        key = {"properties": [source.columns.customer_id]}
        quality = {
            "metric": "duplicateValues",
            "mustBe": 0,
            "dimension": "uniqueness",
            "arguments": key,
        }
    return {
        "name": name,
        "logicalType": "object",
        "dataGranularityDescription": _WORDS["grain"][name],
        "properties": properties,
        "quality": [quality],
    }


def _property(name: str, column: str, role: str, study: Study) -> dict[str, Any]:
    """What a column promises by its role."""
    log, links = study.transactions, []
    words = _WORDS["roles"]
    of_role = words.get(f"{name}.{role}", words.get(role, {}))
    required = of_role.get("required", False)
    if role in ("quantity", "unit_price"):
        required = log is not None and log.columns.is_priced_by_unit
    if role == "customer_id":
        required = name == "snapshot"
        if log is not None and name != "transactions":
            to = f"transactions.{log.columns.customer_id}"
            custom = [{"property": ENFORCEMENT, "value": "report"}]
            links = [{"type": "foreignKey", "to": to, "customProperties": custom}]
    custom_values = {ROLE: role, "unit": of_role.get("unit", "").format(study=study)}
    values = {
        "name": column,
        "logicalType": of_role.get("kind", "string"),
        "required": required,
        "description": of_role.get("description"),
        "logicalTypeOptions": of_role.get("bounds"),
        "relationships": links,
        "customProperties": [
            {"property": key, "value": text} for key, text in custom_values.items() if text
        ],
    }
    return {key: value for key, value in values.items() if value not in (None, [])}
