"""Where rows come from, and which column is what."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from holdfast.errors import StudyError
from holdfast.study.sections import DayText, Expr, Section, require_known
from holdfast.tables import ENGAGEMENT_KINDS
from holdfast.windows import parse_day


def _not_empty(query: str) -> str:
    if not query.strip():
        raise StudyError("the query of a source is empty", fix="write a SELECT")
    return query


class Csv(Section):
    """How a text file is written; `holdfast init` detects it once and writes it down. Of a workbook
    and of JSON only `skip_lines`, `decimal` and `timestamp_format` count, of a query only the last.
    """

    encoding: Literal["utf-8", "utf-8-sig", "latin-1", "utf-16"] = "utf-8"
    """Of the bytes: utf-8, utf-8-sig (with BOM), latin-1 or utf-16."""
    delimiter: str = Field(",", min_length=1, max_length=1)
    """Between cells."""
    quote: str = Field('"', min_length=1, max_length=1)
    """Around cells that hold a delimiter or a line break."""
    decimal: Literal[".", ","] = "."
    """Between a number's whole and its fraction."""
    skip_lines: int = Field(0, ge=0, le=1000)
    """Lines (of a sheet: rows) of a title above the header."""
    timestamp_format: str | None = None
    """strptime format of dates that can be read two ways, as 01/02/2023 can. All others are read as
    they stand, with it or without: the year first, the month by its English name, seconds since
    1970 and the numbers of days of a spreadsheet."""


class Postgres(Section):
    """A query on a PostgreSQL server; the connection string stays in the environment."""

    dsn_env: str = "HOLDFAST_POSTGRES_DSN"
    """Name of the environment variable that holds the connection string."""
    query: Annotated[str, AfterValidator(_not_empty)]
    """A SELECT; run in a read-only transaction."""


class Database(Section):
    """A query on any database that SQLAlchemy or ADBC reaches; its URL stays in the environment."""

    url_env: str = "HOLDFAST_DATABASE_URL"
    """Name of the environment variable that holds the URL, as in
    mysql+pymysql://reader:password@host/shop, sqlite:////data/shop.db, duckdb:////data/shop.duckdb,
    snowflake://..., bigquery://PROJECT/DATASET.
    """
    query: Annotated[str, AfterValidator(_not_empty)]
    """A SELECT; run in a transaction that can only read, where the database has one."""


class Source(Section):
    """Where rows come from: a file or glob, or a query."""

    path: str | None = None
    """A CSV, JSON, Excel or Parquet file, or a glob of one kind; text also in gzip or zip. May hold
    ${VARIABLES}.
    """
    sheet: str | None = None
    """Of a workbook: a name, or a glob of sheets with the same columns. None: the only one that
    holds a table.
    """
    postgres: Postgres | None = None
    """Instead of a path."""
    database: Database | None = None
    """Instead of a path."""
    table: str | None = None
    """Instead of a path, with the engine `spark`: a table of its catalogue (Unity, Glue, Hive,
    Iceberg), as "main.crm.orders".
    """
    format: Literal["parquet", "csv", "delta", "iceberg"] | None = None
    """With the engine `spark`: how Spark is to read the table, or a path of a cloud. Without it,
    the table's own, or what the path ends in.
    """
    version: str | None = None
    """Of a Delta or Iceberg table: the number of a version or snapshot, "12", or a moment,
    "2026-11-30T02:00:00Z". It is on record with the run, which can so be repeated.
    """
    csv: Csv = Csv()

    def _check(self) -> None:
        if [self.path, self.postgres, self.database, self.table].count(None) != 3:
            raise StudyError(
                "a source needs exactly one of 'path', 'postgres', 'database' and 'table'",
                fix="keep one of them",
            )
        if self.version is not None and self.format in (None, "parquet", "csv"):
            raise StudyError(
                "version needs format = 'delta' or 'iceberg': other tables keep no earlier ones",
                fix="name the format, or leave version out",
            )

    @property
    def is_of_spark(self) -> bool:
        """Whether Spark itself reads it: a table, or a path with a scheme such as s3://."""
        return self.table is not None or "://" in (self.path or "")


class TransactionColumns(Section):
    """Which column is what.

    An amount is either `amount` or `quantity` x `unit_price`; without either, only purchases count.
    """

    customer_id: str
    occurred_at: str
    order_id: str | None = None
    """Without it, a day's lines are one order."""
    product_id: str | None = None
    """Needed for variety."""
    quantity: str | None = None
    unit_price: str | None = None
    amount: str | None = None
    """Of the line (or of the order: `amount_of`); negative for a return."""
    refunded: str | None = None
    """What of the amount was given back later. It lowers the amount on the line's own day, to no
    less than zero.
    """
    cost: str | None = None
    """What the line (or the order: `amount_of`) cost the shop, written as the amount is: its margin
    is the amount less the cost. A return gives the cost back, and a part that is refunded a part.
    """
    unit_cost: str | None = None
    """Instead of `cost`: of one unit, times `quantity`."""
    category: str | None = None
    """Of the product, or the product itself: a word of `[value.margin_by_category]`."""
    event_id: str | None = None
    """What tells a line from all others: of lines with the same one, the first counts. A [stream]
    needs it.
    """

    @property
    def is_priced_by_unit(self) -> bool:
        """Whether the amount of a line is its quantity times its unit price."""
        return self.amount is None and None not in (self.quantity, self.unit_price)

    @property
    def has_amount(self) -> bool:
        """Whether the lines of the log are worth anything."""
        return self.amount is not None or self.is_priced_by_unit

    @property
    def has_margin(self) -> bool:
        """Whether the lines of the log have a margin of their own."""
        return any((self.cost, self.unit_cost, self.category))

    def _check(self) -> None:
        if self.cost and self.unit_cost:
            raise StudyError(
                "transactions.columns names both cost and unit_cost", fix="keep one of them"
            )
        if self.unit_cost and not self.quantity:
            raise StudyError(
                "transactions.columns.unit_cost needs quantity", fix="name quantity, or cost"
            )
        if self.has_margin and not self.has_amount:
            raise StudyError(
                "lines without an amount have no margin",
                fix="name transactions.columns.amount, or drop cost and category",
            )


class Returns(Section):
    """Which lines are returns, besides those of negative amount."""

    when: Expr | None = None
    """Condition on the raw row."""


class Transactions(Source):
    """The order log."""

    columns: TransactionColumns
    amount_of: Literal["line", "order"] = "line"
    """What `amount` is of. An order's amount, on each of its lines or on the first alone, counts
    once, and what else its other lines leave blank is as in the line above.
    """
    amounts_in: Literal["units", "minor"] = "units"
    """Units of the currency, or minor ones: whole cents, as some payment systems write them."""
    exact_duplicates: Literal["keep", "drop"] = "keep"
    """Lines equal in every column: real purchases, or double entries."""
    provenance: list[str] = []
    """Columns that say where a line was exported from (a sheet, an export date); they do not tell
    two lines apart.
    """
    set_aside: dict[str, Expr] = {}
    """Reason -> condition on the raw row. Rows without a customer, or with a price <= 0, are always
    set aside.
    """
    returns: Returns = Returns()
    first_day: DayText | None = None
    """Lines before this day, YYYY-MM-DD, are set aside. None: a few lines a year or more before all
    others are.
    """
    last_day: DayText | None = None
    """Lines after this day, YYYY-MM-DD, are set aside. None: a few lines a year or more after all
    others are.
    """

    def _check(self) -> None:
        super()._check()
        if self.amount_of == "order" and None in (self.columns.order_id, self.columns.amount):
            raise StudyError(
                'transactions.amount_of is "order", but no column names the order or its amount',
                fix="name transactions.columns.order_id and amount, or leave amount_of out",
            )
        if self.amount_of == "order" and (self.columns.category or self.columns.unit_cost):
            raise StudyError(
                "an order's amount is on one of its lines, and has no category or unit cost",
                fix="name the amounts of the lines, or the whole order's cost",
            )
        if (
            self.first_day
            and self.last_day
            and parse_day(self.first_day) > parse_day(self.last_day)
        ):
            raise StudyError(
                f"transactions.first_day {self.first_day} is after last_day {self.last_day}",
                fix="exchange them",
            )


class EventColumns(Section):
    """Which column is what; `n` counts the events of a row (default 1)."""

    customer_id: str
    occurred_at: str
    kind: str
    n: str | None = None
    event_id: str | None = None
    """What tells a row from all others: of rows with the same one, the first counts. A [stream]
    needs it.
    """


class Events(Source):
    """Sessions, views, clicks, wishlist and cart adds, campaign responses."""

    columns: EventColumns
    kinds: dict[str, str] = {kind: kind for kind in ENGAGEMENT_KINDS}
    """The log's word -> Holdfast's word. Other kinds are set aside."""

    def _check(self) -> None:
        super()._check()
        for kind in self.kinds.values():
            require_known(kind, ENGAGEMENT_KINDS, f"[events.kinds] maps to '{kind}'")


class CustomerColumns(Section):
    """Which column is what. Without `known_from`, attributes count as known from the first day,
    said in the report.
    """

    customer_id: str
    known_from: str | None = None
    """Day from which the row's attributes were known."""
    ended_on: str | None = None
    """Day on which the customer's contract ended; blank while it runs. No model sees it."""
    end_reason: str | None = None
    """Why it ended. No model sees it."""
    consent: str | None = None
    """Whether the customer may be contacted: yes or no, and whatever is neither counts as no. The
    row known last counts. Audiences obey it, and no model sees it."""
    do_not_contact: str | None = None
    """Whether the customer may not be contacted; blank counts as no, and what is neither yes nor no
    as yes. No model sees it."""

    email: str | None = None
    """Address that lists of contacts carry. No model sees it."""
    phone: str | None = None
    """Number that lists of contacts carry, with its country code. No model sees it."""

    @property
    def of_permission(self) -> list[str]:
        """The columns that say whether a customer may be contacted."""
        return [name for name in (self.consent, self.do_not_contact) if name is not None]

    @property
    def of_address(self) -> list[str]:
        """The columns by which a customer is reached."""
        return [name for name in (self.email, self.phone) if name is not None]


class Customers(Source):
    """Attributes of customers: numbers and words that a model may use."""

    columns: CustomerColumns
    attributes: list[str] = []
    """The columns to use."""
    involuntary: list[str] = [
        "payment failed",
        "failed payment",
        "payment_failed",
        "card expired",
        "involuntary",
    ]
    """Of the words of `end_reason`, those that are no decision of the customer's, whatever their
    case.
    """

    def _check(self) -> None:
        super()._check()
        beside = (
            self.columns.ended_on, *self.columns.of_permission, *self.columns.of_address,
        )  # fmt: skip
        if not self.attributes and not any(beside):
            raise StudyError(
                "[customers] lists no attributes",
                fix='name the columns to use: attributes = ["channel"]',
            )
        if self.columns.end_reason is not None and self.columns.ended_on is None:
            raise StudyError(
                "customers.columns.end_reason needs ended_on",
                fix="name the column of the last day, too",
            )
        for column in {self.columns.ended_on, self.columns.end_reason} & set(self.attributes):
            raise StudyError(
                f"the attribute '{column}' is filled in when a customer leaves", fix="drop it"
            )
        for column in set(self.columns.of_address) & set(self.attributes):
            raise StudyError(
                f"the attribute '{column}' is an address, and no model may learn from it",
                fix="drop it from attributes",
            )
        for column in set(self.columns.of_permission) & set(self.attributes):
            raise StudyError(
                f"the attribute '{column}' says who may be contacted, and no model may learn from"
                " it",
                fix="drop it from attributes",
            )


class TreatmentColumns(Section):
    """Which column is what."""

    customer_id: str
    occurred_at: str
    """Of the held out, too: the day of the draw."""
    campaign: str
    treated: str
    propensity: str | None = None
    """The chance of being contacted, by whatever offer."""
    cost: str | None = None
    offer: str | None = None
    """What the contacted got, where a campaign has several offers. Each is held against all whom
    the campaign held out.
    """
    assigned: str | None = None
    """Whether the draw put the customer among the contacted. Effects are read by it, whatever
    happened afterwards; without it, or where it is blank, by `treated`.
    """
    delivered: str | None = None
    """Whether the message arrived. Only costs and acceptance are counted by it; without it, by
    `treated`.
    """
    accepted: str | None = None
    """Whether the customer took the offer up; blank where that is not known. What an offer costs
    those who accept it is planned with the share seen so.
    """
    cluster: str | None = None
    """Who was drawn together: the household, the company. Standard errors are then by cluster, and
    whoever has none was drawn alone.
    """
    event_id: str | None = None
    """What tells a row from all others: of rows with the same one, the first counts. A [stream]
    needs it.
    """


class Treatments(Source):
    """What was done to whom, and who was held out."""

    columns: TreatmentColumns
