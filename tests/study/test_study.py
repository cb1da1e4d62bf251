"""The study: what it accepts, and what it says when it does not."""

import tomllib
from pathlib import Path

import pytest

from holdfast.errors import StudyError
from holdfast.study import Study

LOG = """
[study]
name = "shop"
currency = "GBP"
[transactions]
path = "orders.csv"
[transactions.columns]
customer_id = "Customer ID"
occurred_at = "InvoiceDate"
amount = "Amount"
"""


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "holdfast.toml"
    path.write_text(LOG, encoding="utf-8")
    return path


def test_a_short_study_gets_the_defaults(toml: Path) -> None:
    study = Study.from_toml(toml)
    assert study.currency == "GBP"
    assert study.churn.horizon_days == 90
    assert study.value.horizon_days == 180
    assert study.all_horizons == (30, 90, 180, 365)
    assert study.project_dir == str(toml.parent)


def test_the_folder_is_not_part_of_the_fingerprint(toml: Path, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    elsewhere = tmp_path / "b" / "holdfast.toml"
    elsewhere.write_text(LOG, encoding="utf-8")
    assert Study.from_toml(toml).fingerprint == Study.from_toml(elsewhere).fingerprint


def test_an_override_is_read_as_toml_and_else_as_a_word(toml: Path) -> None:
    study = Study.from_toml(
        toml,
        overrides={
            "churn.horizon_days": "60",
            "seed": "9",
            "transactions.path": "a b.csv",
            "segments.value_tiers": "[0.2, 0.8]",
        },
    )
    assert (study.churn.horizon_days, study.seed, study.segments.value_tiers) == (60, 9, (0.2, 0.8))
    assert study.transactions is not None
    assert study.transactions.path == "a b.csv"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"churn.horizn_days": "60"}, "no key 'churn.horizn_days'; did you mean 'horizon_days'"),
        ({"study.sed": "1"}, "no key 'sed'; did you mean 'seed'"),
        ({"transactions.columns.customer": "x"}, "did you mean 'customer_id'"),
        (
            {"churn.horizon_days": "0"},
            "churn.horizon_days: input should be greater than or equal to 1",
        ),
        ({"churn.eligible": "always"}, "churn.eligible 'always' is not understood"),
        ({"time_zone": "Mars/Base"}, "time_zone 'Mars/Base' is not known"),
        ({"churn.algorithm": "lightgmb"}, "no algorithm 'lightgmb'; did you mean 'lightgbm'"),
        (
            {"churn.algorithm": "sequence", "churn.parameters.stepz": "9"},
            "sequence has no parameter 'stepz'; did you mean 'steps'",
        ),
        ({"churn.algorithm": "sequence", "churn.parameters.steps": "0"}, "greater than or equal"),
        ({"churn.algorithm": "sequence", "churn.parameters.device": "tpu"}, "'cpu' or 'cuda'"),
        (
            {
                "churn.algorithm": "sequence",
                "churn.parameters.steps": "9",
                "value.algorithm": "sequence",
            },
            "one network is learnt for both",
        ),
        ({"transactions.set_aside.x": "x IN (SELECT 1)"}, "subquery"),
        ({"transactions.returns.when": "read_csv('a') = 1"}, "calls 'read_csv'"),
        ({"recovery.VIP.cost": "1"}, "recovery"),
        ({"segments.value_tiers": "[0.8, 0.2]"}, "do not rise"),
        ({"messages.link": "https://a.b"}, "tells nobody"),
        ({"messages.slack.url": "https://hooks.example/s3cret"}, "is written out"),
        ({"messages.slack.url": "${A}", "messages.link": "javascript:x"}, "is no address"),
        (
            {
                "messages.email.to": '["a@b.c, d@e.f"]',
                "messages.email.sender": "a@b.c",
                "messages.email.smtp": "${A}",
            },
            "is not an e-mail address",
        ),
        ({"schedule.keep": "30", "schedule.older_than_days": "90"}, "two rules for what to keep"),
        ({"currency": "pounds"}, "currency"),
        ({"backtest.cutoffs": '["2011-13-01"]'}, "2011-13-01 is not a date"),
        ({"transactions.path.deeper": "1"}, "'path' is a value, not a table"),
    ],
)
def test_what_is_wrong_is_named(toml: Path, overrides: dict[str, str], message: str) -> None:
    with pytest.raises(StudyError) as refused:
        Study.from_toml(toml, overrides=overrides)
    assert message in str(refused.value)


def test_a_network_joins_the_algorithm_that_is_named_beside_it(toml: Path) -> None:
    named = Study.from_toml(toml, overrides={"churn.candidates": '["catboost", "sequence"]'})
    assert (named.churn.asks_for_sequence, named.value.asks_for_sequence) == (True, False)
    assert named.churn.of_table.candidates == ["catboost"]
    alone = Study.from_toml(
        toml, overrides={"churn.algorithm": "sequence", "churn.parameters.steps": "9"}
    )
    assert alone.sequence.steps == 9
    assert alone.churn.of_table == Study.from_toml(toml).churn


def test_a_snapshot_has_no_days_for_a_network() -> None:
    snapshot = {
        "path": "a.csv",
        "as_of": "2024-01-01",
        "columns": {"customer_id": "a"},
        "labels": {"churned": "b = 1"},
    }
    with pytest.raises(StudyError, match="a snapshot has no days for the algorithm 'sequence'"):
        Study.from_dict(
            {"study": {"name": "x"}, "snapshot": snapshot, "churn": {"algorithm": "sequence"}}
        )


def test_a_study_has_a_log_or_a_snapshot(toml: Path) -> None:
    with pytest.raises(StudyError, match=r"exactly one of \[transactions\] and \[snapshot\]"):
        Study.from_dict({"study": {"name": "x"}})


def test_a_source_has_a_path_or_a_query(toml: Path) -> None:
    with pytest.raises(
        StudyError, match="exactly one of 'path', 'postgres', 'database' and 'table'"
    ):
        Study.from_toml(toml, overrides={"transactions.postgres.query": "SELECT 1"})


def test_a_missing_or_broken_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="holdfast init"):
        Study.from_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(StudyError, match="cannot be read"):
        Study.from_toml(tmp_path / "bad.toml")


CALENDAR = """
[calendar]
promotions = [
    { name = "Black Friday", first_day = 2023-11-20, last_day = "2023-11-27" },
    { name = "Black Friday", first_day = %s, last_day = %s },
]
"""


def calendar(toml: Path, first: str, last: str) -> Study:
    toml.write_text(LOG + CALENDAR % (first, last), encoding="utf-8")
    return Study.from_toml(toml)


def test_promotions_are_days_of_the_calendar_in_quotes_or_without(toml: Path) -> None:
    without = Study.from_toml(toml)
    study = calendar(toml, "2024-11-25", '"2024-12-02"')
    assert study.calendar is not None
    assert [(p.first_day, p.end - p.first) for p in study.calendar.promotions] == [
        ("2023-11-20", 8),
        ("2024-11-25", 8),
    ]
    assert study.fingerprint != without.fingerprint


def test_who_is_told_is_in_no_fingerprint_and_in_no_run(toml: Path) -> None:
    telling = Study.from_toml(toml, overrides={"messages.slack.url": "${CHAT}"})
    assert telling.messages is not None
    assert telling.fingerprint == Study.from_toml(toml).fingerprint
    assert "CHAT" not in telling.model_dump_json()


def test_a_study_without_a_newer_section_keeps_its_fingerprint(toml: Path) -> None:
    # That of the version before [acquisition] and the columns of a line's margin.
    before = "797bfe5c8203941fea0b327ed17e790c37ab6b03a9eef23500ac3d403b3e11a2"
    assert Study.from_toml(toml).fingerprint == before
    for task in ("churn", "value"):
        alone = Study.from_toml(toml, overrides={f"{task}.pool_btyd": "false"})
        assert alone.fingerprint != before


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2024-12-02", "2024-11-25", "'Black Friday' ends on 2024-11-25, before 2024-12-02"),
        (
            "2023-11-27",
            "2023-12-01",
            "'Black Friday' from 2023-11-20 and 'Black Friday' from 2023-11-27 overlap",
        ),
        ('"soon"', "2023-12-01", "soon is not a date"),
    ],
)
def test_promotions_out_of_order_are_refused(toml: Path, first: str, last: str, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        calendar(toml, first, last)


def test_a_snapshot_has_no_calendar(toml: Path) -> None:
    toml.write_text(
        '[study]\nname = "s"\n[calendar]\n[snapshot]\npath = "s.csv"\nas_of = "2024-01-01"\n'
        'columns = { customer_id = "id" }\nlabels = { churned = "gone" }\n',
        encoding="utf-8",
    )
    with pytest.raises(StudyError, match="a snapshot has no days for a"):
        Study.from_toml(toml)


def test_memory_is_written_as_people_write_it_and_changes_no_figure(toml: Path) -> None:
    plain = Study.from_toml(toml)
    assert plain.engine.memory is None
    for text, size in (("2 GB", 2_000_000_000), ("1.5GiB", 1_610_612_736), ("800MB", 800_000_000)):
        held = Study.from_toml(toml, overrides={"engine.memory": f'"{text}"'})
        assert held.engine.memory == size
        assert held.fingerprint == plain.fingerprint
    assert "engine" not in plain.model_dump()


@pytest.mark.parametrize("text", ['"much"', '"2 bananas"', '"100 MB"', "-1", "true", "[1]"])
def test_memory_that_is_none_is_refused(toml: Path, text: str) -> None:
    with pytest.raises(StudyError, match=r"engine\.memory"):
        Study.from_toml(toml, overrides={"engine.memory": text})


@pytest.mark.parametrize("depth", [21, 900, 3_000])
def test_lists_within_lists_within_lists_are_refused_in_a_sentence(toml: Path, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    for text, key in ((LOG + f"provenance = {nested}\n", ""), (LOG, nested)):
        toml.write_text(text, encoding="utf-8")
        with pytest.raises(StudyError, match="nested more than 20 levels deep"):
            Study.from_toml(toml, overrides={"churn.candidates": key} if key else None)


def test_a_study_of_plain_values_is_not_nested_deeply_either() -> None:
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(StudyError, match="nested more than 20 levels deep"):
        Study.from_dict({"study": {"name": "x"}, "acknowledge": nested})
    while nested:  # Python itself cannot take down so deep a list at once.
        nested = nested.pop()  # type: ignore[assignment]


def test_a_study_shows_its_main_facts_in_a_line_and_escapes_them_in_a_notebook(toml: Path) -> None:
    columns = {"customer_id": "c", "occurred_at": "t", "amount": "a"}
    study = Study.from_dict(
        {
            "study": {"name": "<b>shop</b>", "currency": "EUR"},
            "transactions": {"path": "<script>.csv", "columns": columns},
        }
    )
    assert repr(study) == str(study)
    assert "order log <script>.csv, currency EUR" in repr(study)
    assert "eligible bought in the last 365 days" in repr(study)
    assert len(repr(study)) < 300
    html = study._repr_html_()
    assert "<td>&lt;script&gt;.csv</td>" in html
    assert "&lt;b&gt;shop" in html
    assert "<script" not in html


def test_a_study_that_is_no_table_is_said_also_where_a_key_of_it_is_set(tmp_path: Path) -> None:
    (tmp_path / "holdfast.toml").write_text("study = 5\n", encoding="utf-8")
    with pytest.raises(StudyError, match="'study' is a value, not a table"):
        Study.from_toml(tmp_path / "holdfast.toml", overrides={"seed": "3"})


def test_a_day_may_stand_without_quotes() -> None:
    study = Study.from_dict(
        tomllib.loads(
            '[study]\nname = "s"\n[transactions]\npath = "o.csv"\nlast_day = 2024-01-31\n'
            '[transactions.columns]\ncustomer_id = "c"\noccurred_at = "d"\n'
        )
    )
    assert study.transactions is not None
    assert study.transactions.last_day == "2024-01-31"
