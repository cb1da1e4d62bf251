"""The first contract of a study: what it takes for granted, as the reader of contracts reads it."""

import yaml

from holdfast.quality.check_files import draft_contract
from holdfast.study import Study
from holdfast.study.data_contract import from_odcs

STUDY = Study.from_dict(
    {
        "study": {"name": "shop", "currency": "GBP", "time_zone": "Europe/London"},
        "transactions": {
            "path": "orders.csv",
            "columns": {
                "customer_id": "who",
                "occurred_at": "at",
                "quantity": "n",
                "unit_price": "price",
            },
        },
        "customers": {
            "path": "c.csv",
            "columns": {"customer_id": "id", "known_from": "since"},
            "attributes": ["town"],
        },
    }
)


def test_a_study_takes_its_times_and_amounts_for_granted() -> None:
    raw = draft_contract(STUDY, {"transactions": {"note": "string"}})
    given = from_odcs(yaml.safe_load(yaml.safe_dump(raw)), where="c.yaml").inputs
    by_name = {rule.name: rule for rule in given["transactions"].columns}
    assert {name for name, rule in by_name.items() if rule.required} == {"at", "n", "price"}
    assert by_name["note"].role is None
    assert given["transactions"].fresh_days == 30
    described = {each["name"]: each for each in raw["schema"][0]["properties"]}
    units = {each["property"]: each["value"] for each in described["price"]["customProperties"]}
    assert units["unit"] == "GBP, 2 decimals"
    link = raw["schema"][1]["properties"][0]["relationships"][0]
    assert link["to"] == "transactions.who"
    assert given["customers"].columns[0].refers_to is None, "reported, not quarantined"
