"""A file that nobody has described becomes a study that runs, and every guess can be corrected."""

import tomllib
from datetime import date, timedelta
from pathlib import Path

import pytest

from holdfast.errors import DataError, StudyError
from holdfast.ingest.order_log import read_order_log
from holdfast.ingest.snapshot import read_snapshot
from holdfast.io.warehouse import Warehouse
from holdfast.setup.propose import Proposal, propose
from holdfast.study import Study


def proposed(folder: Path, text: str, *, encoding: str = "utf-8", **given: str) -> Proposal:
    (folder / "data.csv").write_bytes(text.encode(encoding))
    return propose(
        folder / "data.csv",
        project_dir=folder,
        given={k.replace("__", "."): v for k, v in given.items()},
    )


def columns_of(proposal: Proposal) -> dict[str, str]:
    return dict(tomllib.loads(proposal.toml)["transactions"]["columns"])


def unsure(proposal: Proposal) -> set[str]:
    return {guess.key for guess in proposal.guesses if not guess.sure}


LOG = "Kunden-Nr;Bestelldatum;Artikel;Menge;Einzelpreis;Größe\n" + "".join(
    f"{i % 7};{i % 28 + 1:02}.{i % 12 + 1:02}.2011;A{i % 5};{i % 3 + 1};1.0{i % 10}0,50;M\n"
    for i in range(100)
)


def test_a_german_export_is_recognised_and_reads(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, LOG, encoding="latin-1")
    assert proposal.kind == "log"
    assert columns_of(proposal) == {
        "customer_id": "Kunden-Nr",
        "occurred_at": "Bestelldatum",
        "product_id": "Artikel",
        "quantity": "Menge",
        "unit_price": "Einzelpreis",
    }
    csv = tomllib.loads(proposal.toml)["transactions"]["csv"]
    assert csv == {
        "encoding": "latin-1",
        "delimiter": ";",
        "decimal": ",",
        "timestamp_format": "%d.%m.%Y",
    }
    assert "transactions.csv.encoding" in unsure(proposal)
    (tmp_path / "scratch").mkdir()
    (tmp_path / "holdfast.toml").write_text(proposal.toml, encoding="utf-8")
    with Warehouse(tmp_path / "scratch") as warehouse:
        found = read_order_log(Study.from_toml(tmp_path / "holdfast.toml"), warehouse)
        assert warehouse.row("SELECT min(amount_minor), max(amount_minor) FROM transactions") == (
            100050,
            327150,
        )
    assert (found.rows.accepted, found.n_customers) == (100, 7)


def test_dates_that_read_both_ways_are_told_apart_by_their_order(tmp_path: Path) -> None:
    days = [(month, day) for month in range(1, 13) for day in range(1, 13)]
    day_first = "".join(
        f"{i % 9},{day:02}/{month:02}/2011,5\n" for i, (month, day) in enumerate(days)
    )
    month_first = "".join(
        f"{i % 9},{month:02}/{day:02}/2011,5\n" for i, (month, day) in enumerate(days)
    )
    for rows, expected in ((day_first, "%d/%m/%Y"), (month_first, "%m/%d/%Y")):
        proposal = proposed(tmp_path, f"customer_id,order_date,amount\n{rows}")
        assert tomllib.loads(proposal.toml)["transactions"]["csv"]["timestamp_format"] == expected
        assert "transactions.csv.timestamp_format" in unsure(proposal)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            "CustomerID,InvoiceNo,InvoiceDate,Quantity,UnitPrice",
            ["customer_id", "order_id", "occurred_at", "quantity", "unit_price"],
        ),
        (
            "user_id,basket_id,created_at,n,total_amount",
            ["customer_id", "order_id", "occurred_at", None, "amount"],
        ),
        (
            "my_customer_id,x,purchase_day_utc,y,net_revenue_eur",
            ["customer_id", None, "occurred_at", None, "amount"],
        ),
        (
            "client,sku,when,units,price",
            ["customer_id", "product_id", "occurred_at", "quantity", "unit_price"],
        ),
    ],
)
def test_columns_are_known_by_many_names(
    tmp_path: Path, header: str, expected: list[str | None]
) -> None:
    rows = "".join(
        f"{i % 5},{i},2011-01-{i % 28 + 1:02},{i % 4 + 1},{i % 9}.5\n" for i in range(60)
    )
    names = header.split(",")
    wanted = {role: name for role, name in zip(expected, names, strict=True) if role}
    assert columns_of(proposed(tmp_path, f"{header}\n{rows}")) == wanted


@pytest.mark.parametrize(("gap", "horizon"), [(31, 60), (7, 30), (100, 180)])
def test_the_churn_horizon_is_two_usual_gaps_of_the_log(
    tmp_path: Path, gap: int, horizon: int
) -> None:
    begins = date(2011, 1, 1)
    rows = "".join(
        f"C{customer},{begins + timedelta(days=customer + gap * turn)},5.5\n"
        for customer in range(30)
        for turn in range(900 // gap)
    )
    raw = tomllib.loads(proposed(tmp_path, f"customer,date,amount\n{rows}").toml)
    assert raw["churn"]["horizon_days"] == horizon


def test_a_name_alone_is_not_enough(tmp_path: Path) -> None:
    rows = "".join(f"{i % 5},2011-01-{i % 28 + 1:02},many,{i}.5,tea\n" for i in range(60))
    found = columns_of(proposed(tmp_path, f"customer,date,quantity,amount,order\n{rows}"))
    assert found == {"customer_id": "customer", "occurred_at": "date", "amount": "amount"}


def test_a_guess_is_replaced_by_what_is_given(tmp_path: Path) -> None:
    rows = "".join(f"{i % 5},{i % 6},2011-01-{i % 28 + 1:02},{i}.5\n" for i in range(60))
    text = f"customer,card,date,amount\n{rows}"
    assert columns_of(proposed(tmp_path, text))["customer_id"] == "customer"
    given = {
        "transactions__columns__customer_id": "card",
        "churn__horizon_days": "14",
        "study__currency": "EUR",
    }
    proposal = proposed(tmp_path, text, **given)
    raw = tomllib.loads(proposal.toml)
    assert raw["transactions"]["columns"]["customer_id"] == "card"
    assert (raw["churn"]["horizon_days"], raw["study"]["currency"]) == (14, "EUR")
    assert "study.currency" not in unsure(proposal)
    with pytest.raises(
        StudyError, match=r"the study has no key 'curency'; did you mean 'currency'"
    ):
        proposed(tmp_path, text, study__curency="EUR")
    with pytest.raises(StudyError, match="'soon' is no value for"):
        proposed(tmp_path, text, churn__horizon_days="soon")


def test_what_is_given_besides_the_guesses_is_in_the_study(tmp_path: Path) -> None:
    rows = "".join(f"{i % 5},2011-01-{i % 28 + 1:02},{i}.5\n" for i in range(60))
    given = {
        "churn__eligible": "ever bought",
        "transactions__returns__when": "amount > 50",
        "seed": "7",
    }
    raw = tomllib.loads(proposed(tmp_path, f"customer,date,amount\n{rows}", **given).toml)
    assert raw["churn"]["eligible"] == "ever bought"
    assert raw["transactions"]["returns"] == {"when": "amount > 50"}
    assert raw["study"]["seed"] == 7


def test_a_line_break_in_a_name_does_not_leave_its_comment(tmp_path: Path) -> None:
    text = 'customer,"re\ncency"\n' + "".join(f"{i},{i}\n" for i in range(20))
    raw = tomllib.loads(proposed(tmp_path, text).toml)
    assert raw["snapshot"]["labels"] == {"churned": '"re\ncency" > 90'}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\nx,y\nz,w\n", "no column of the file names the customer by its name; it has a, b"),
        ("customer,date,amount\nx,2024-01-01,3\nx,2024-02-01,3\n", "it holds one customer only"),
        (
            "customer,date,amount\nx,soon,3\ny,2024-02-01,3\n",
            "'date' is named so, but it does not hold dates",
        ),
        ("customer,date,amount\n", "has no rows"),
        ("customer,amount\n1,5\n2,6\n1,7\n", r"says who left .*give snapshot\.labels\.churned"),
    ],
)
def test_what_cannot_be_guessed_is_asked_for_by_its_key(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        proposed(tmp_path, text)


def test_odd_names_and_values_are_written_as_toml(tmp_path: Path) -> None:
    rows = "".join(
        f"{i % 5},2011-01-{i % 28 + 1:02},{'C' if i % 10 == 0 else ''}{i},"
        f"{'-' if i % 10 == 0 else ''}{i}.5\n"
        for i in range(60)
    )
    proposal = proposed(tmp_path, f'"customer ""id"" #1",date,order,amount\n{rows}')
    raw = tomllib.loads(proposal.toml)
    assert raw["transactions"]["columns"]["customer_id"] == 'customer "id" #1'
    assert raw["transactions"]["returns"] == {"when": "\"order\" LIKE 'C%'"}
    assert Study.from_dict(raw).transactions is not None


@pytest.mark.parametrize(
    ("name", "kind", "roles"),
    [
        (
            "online_retail_ii.parquet",
            "log",
            ["customer_id", "occurred_at", "order_id", "product_id", "quantity", "unit_price"],
        ),
        ("cdnow_master.parquet", "log", ["customer_id", "occurred_at", "quantity", "amount"]),
        ("groceryElog.parquet", "log", ["customer_id", "occurred_at"]),
        ("telco.parquet", "snapshot", ["customer_id"]),
        ("ecommerce_user_segmentation.csv", "snapshot", ["customer_id"]),
    ],
)
def test_the_public_files_are_recognised_and_read_as_proposed(
    bench_data: Path, tmp_path: Path, name: str, kind: str, roles: list[str]
) -> None:
    proposal = propose(bench_data / name, project_dir=tmp_path)
    raw = tomllib.loads(proposal.toml)
    section = raw["transactions" if kind == "log" else "snapshot"]
    assert proposal.kind == kind
    assert sorted(section["columns"]) == sorted(roles)
    study = Study.from_dict(raw)
    with Warehouse(tmp_path) as warehouse:
        found = (
            read_order_log(study, warehouse) if kind == "log" else read_snapshot(study, warehouse)
        )
    assert found.rows.quarantined == 0
    assert found.rows.accepted > 0.7 * found.rows.read


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"transactions__csv__delimiter": "ab"}, "transactions.csv.delimiter: string should"),
        ({"transactions__csv__delimeter": ";"}, "did you mean 'delimiter'"),
    ],
)
def test_what_is_given_wrongly_is_said_as_a_study_says_it(
    tmp_path: Path, given: dict[str, str], message: str
) -> None:
    with pytest.raises(StudyError) as refused:
        proposed(tmp_path, LOG, **given)
    assert message in str(refused.value)


def test_a_query_that_is_given_wrongly_is_said_as_a_study_says_it(tmp_path: Path) -> None:
    given = {"transactions.database.query": "SELECT 1", "transactions.database.url": "x"}
    with pytest.raises(StudyError, match="did you mean 'url_env'"):
        propose(None, project_dir=tmp_path, given=given)


def test_a_line_break_in_what_is_given_begins_no_line_of_the_study(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="seed"):
        proposed(tmp_path, LOG, study__seed="1\n[x]\ny = 2")
