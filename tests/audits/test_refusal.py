"""A run refuses what is fatal unless the study accepts it by name, and then says so first."""

import ast
import io
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import polars as pl
import pytest
from rich.console import Console
from tests.audits.bank import divided, honest, snapshot, study_in
from tests.audits.bank_prepared import customers_in_both_parts, panel, without_a_gap
from typer.testing import CliRunner

import holdfast
from holdfast.audits.audit import audit
from holdfast.cli.main import app
from holdfast.cli.run import print_summary
from holdfast.errors import DataError, NotEnoughData, NotHonest, StudyError
from holdfast.findings import fatal_names
from holdfast.ingest.snapshot import read_snapshot
from holdfast.io.warehouse import Warehouse
from holdfast.runs.run import run
from holdfast.study import Study
from holdfast.training.fit_snapshot import prove

PARTS = ("evidence", "meaning", "fix")


def circular(folder: Path, **more: object) -> Study:
    raw = snapshot(
        folder,
        honest(800).drop("left"),
        labels={"churned": "tenure < 12"},
        hidden_from_churn=["tenure"],
    )
    return study_in(folder, raw | {"explain": {"every_customer_up_to": 0}, **more})


def test_a_run_is_refused_on_a_label_that_is_a_formula(tmp_path: Path) -> None:
    with pytest.raises(
        NotHonest, match="circular-label: the churn label is tenure <= 11 for 800 of 800"
    ) as refused:
        run(circular(tmp_path))
    assert refused.value.exit_code == 2
    assert 'acknowledge = ["circular-label"]' in refused.value.fix
    assert not list((tmp_path / "runs").glob("2*"))


def test_what_is_acknowledged_by_another_name_is_refused_all_the_same(tmp_path: Path) -> None:
    with pytest.raises(NotHonest, match="circular-label") as refused:
        run(circular(tmp_path, acknowledge=["no-gap"]))
    assert 'acknowledge = ["no-gap", "circular-label"]' in refused.value.fix


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "circular-labels",
            "names 'circular-labels', .* did you mean 'circular-label'. known: circular-label",
        ),
        ("stray-days", "which is no fatal finding; known: circular-label, customers-in-both-parts"),
    ],
)
def test_a_name_that_no_fatal_finding_has_cannot_be_acknowledged(
    tmp_path: Path, name: str, said: str
) -> None:
    with pytest.raises(StudyError, match=said) as refused:
        circular(tmp_path, acknowledge=[name])
    assert refused.value.exit_code == 2


def _fields(key: str, words: dict[str, str]) -> set[str]:
    """What a finding's words leave open."""
    texts = [words.get("name", key), *(words.get(each, "") for each in PARTS)]
    fields = {field for text in texts for _, field, *_ in Formatter().parse(text) if field}
    return {field.split(".")[0].split("[")[0] for field in fields} | (
        set() if "evidence" in words else {"evidence"}
    )


def test_every_finding_has_its_words_and_what_can_be_fatal_can_be_acknowledged() -> None:
    package = Path(holdfast.__file__).parent
    words = tomllib.loads((package / "findings.toml").read_text(encoding="utf-8"))
    keys = set()
    for path in package.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Constant) and str(call.value) in words:
                keys.add(call.value)
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "Finding.of":
                chosen = ast.walk(call.args[0])
                constants = {node.value for node in chosen if isinstance(node, ast.Constant)}
                of_call = {each for each in constants if str(each) in words}
                facts = {keyword.arg for keyword in call.keywords}
                assert all(_fields(each, words[each]) <= facts for each in of_call), of_call
                if any("fatal" in ast.unparse(keyword.value) for keyword in call.keywords):
                    assert all(words[each]["severity"] == "fatal" for each in of_call), of_call
    # Named by a count of the gate, or by the kind of customer.
    rest = {key for key in words if key.startswith(("few-", "wholesale", "robot"))}
    assert keys | rest | {"short-log", "stale-log", "no-rhythm"} == set(words)
    fatal = {words[key].get("name", key) for key in words if words[key]["severity"] == "fatal"}
    # Whoever has nobody who left, or nobody who stayed, is told so by a count.
    assert {"few-churned", "few-kept"} <= fatal == set(fatal_names())


def test_what_is_acknowledged_runs_and_stands_first_in_the_report(tmp_path: Path) -> None:
    done = run(circular(tmp_path, acknowledge=["circular-label"]))
    page = done.report.read_text(encoding="utf-8")
    assert page.index("Read this first (acknowledged in the study)") < page.index('id="summary"')
    assert "had the study not acknowledged it by name" in page[page.index("Leakage check") :]
    said = {finding["name"]: finding["acknowledged"] for finding in done.summary["findings"]}
    assert [name for name, known in said.items() if known] == ["circular-label"]
    assert len(said) > 1
    out = io.StringIO()
    print_summary(Console(file=out, width=200), done, circular(tmp_path))
    assert "fatal, acknowledged: the churn label is" in out.getvalue()
    asked = {row["name"]: row for row in done.summary["audit"]["suspicions"]}
    assert asked["circular label"]["found"] == ["circular-label"]
    assert all(row["seconds"] >= 0 for row in asked.values())


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    (tmp_path / "scratch").mkdir()
    with Warehouse(tmp_path / "scratch") as opened:
        yield opened


def test_a_table_with_a_split_of_its_own_is_proved_on_its_own_test(
    tmp_path: Path, warehouse: Warehouse
) -> None:
    frame = divided(honest(600))
    study = study_in(tmp_path, snapshot(tmp_path, frame, split="part"))
    got = read_snapshot(study, warehouse)
    assert "part" not in got.columns
    forecast = prove(study, "churn", got.frame, columns=got.columns)
    assert forecast.customer_id.sort().to_list() == frame.filter(part="test")["id"].sort().to_list()


def test_of_a_customer_in_both_parts_the_row_that_is_learnt_from_counts(
    tmp_path: Path, warehouse: Warehouse
) -> None:
    frame = divided(honest(600))
    known = frame.filter(part="train")
    both = pl.concat([known.with_columns(part=pl.lit("test")), frame])
    got = read_snapshot(study_in(tmp_path, snapshot(tmp_path, both, split="part")), warehouse)
    assert got.frame.height == 600
    assert got.frame.filter("is_test").height == frame.filter(part="test").height
    assert got.reasons == {"snapshot": {"another row of the same customer": known.height}}
    assert got.prepared is not None
    assert got.prepared.height == both.height


def test_a_split_that_leaves_nobody_to_prove_on_says_so(
    tmp_path: Path, warehouse: Warehouse
) -> None:
    frame = honest(300).with_columns(part=pl.lit("train"))
    study = study_in(tmp_path, snapshot(tmp_path, frame, split="part"))
    got = read_snapshot(study, warehouse)
    with pytest.raises(NotEnoughData, match="300 customers to learn from and 0 to prove on"):
        prove(study, "churn", got.frame, columns=got.columns)


def test_a_table_of_several_cutoffs_is_audited_and_not_run(tmp_path: Path) -> None:
    study = study_in(tmp_path, without_a_gap(tmp_path, tmp_path))
    (fatal,) = (finding for finding in audit(study).findings if finding.severity == "fatal")
    # Cutoffs 30 days apart, outcomes of 90 days.
    assert fatal.name == "no-gap"
    assert "run 60 days into it" in fatal.evidence
    with pytest.raises(StudyError, match="can be audited, not run"):
        run(study)


def test_cutoffs_of_a_table_must_be_dates_and_parts_must_be_named(tmp_path: Path) -> None:
    frame = panel(200)
    bad = frame.with_columns(part=frame["part"].set(frame["part"] == "test", "later"))
    with pytest.raises(DataError, match="split is neither train nor test"):
        audit(study_in(tmp_path, snapshot(tmp_path, bad.filter(part="later"), split="part")))


def test_the_command_prints_findings_and_exits_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    snapshot(tmp_path, honest(600).drop("left"))
    (tmp_path / "holdfast.toml").write_text(
        '[study]\nname = "shop"\n[snapshot]\npath = "table.parquet"\nas_of = "2024-06-30"\n'
        '[snapshot.columns]\ncustomer_id = "id"\n[snapshot.labels]\nchurned = "tenure < 12"\n',
        encoding="utf-8",
    )
    told = CliRunner().invoke(app, ["audit", "--no-prove"])
    assert told.exit_code == 2
    assert "tenure <= 11 for 600 of 600" in " ".join(told.stdout.replace("│", " ").split())
    asked = CliRunner().invoke(app, ["audit", "--no-prove", "--json"])
    answer = json.loads(asked.stdout)
    assert (asked.exit_code, answer["honest"]) == (2, False)
    assert {"name", "question", "found", "seconds"} == set(answer["suspicions"][0])
    known = CliRunner().invoke(
        app, ["audit", "--no-prove", "--json", "--set", 'acknowledge=["circular-label"]']
    )
    assert (known.exit_code, json.loads(known.stdout)["honest"]) == (0, True)


def test_shared_customers_are_counted(tmp_path: Path) -> None:
    study = study_in(tmp_path, customers_in_both_parts(tmp_path, tmp_path))
    found = {finding.name: finding.evidence for finding in audit(study, prove=False).findings}
    assert "test rows belong to customers who are learnt from" in found["customers-in-both-parts"]
