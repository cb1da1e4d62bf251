"""Which column is what: known names first, and only where the content agrees."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import duckdb
import polars as pl

from holdfast.io.conditions import Field, number_sql
from holdfast.pipeline.judged import literal

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "customer_id": (
        "customerid", "customer", "custid", "cust", "customerno", "customernumber", "customerkey", "clientid", "client",
        "userid", "user", "memberid", "member", "buyerid", "buyer", "shopperid", "accountid", "account", "contactid",
        "householdkey", "householdid", "visitorid", "customeruniqueid", "customeremail", "email", "kundennummer",
        "kundennr", "kundenid", "kunde", "idclient", "idcliente", "cliente", "id",
    ),
    "occurred_at": (
        "occurredat", "invoicedate", "orderdate", "purchasedate", "transactiondate", "saledate", "datetime", "timestamp",
        "orderpurchasetimestamp", "orderedat", "createdat", "purchasedat", "boughtat", "paidat", "eventtime", "date",
        "day", "time", "bestelldatum", "datum", "rechnungsdatum", "fecha", "transdate", "salesdate", "dayid",
    ),
    "order_id": (
        "orderid", "order", "invoice", "invoiceno", "invoiceid", "invoicenumber", "ordernumber", "orderno", "basketid",
        "transactionid", "receiptid", "receipt", "receiptno", "ticketid", "ticket", "checkoutid", "saleid",
        "bestellnummer", "rechnungsnummer", "orderkey",
    ),
    "product_id": (
        "productid", "stockcode", "sku", "itemid", "articleid", "productcode", "itemcode", "article", "product", "item",
        "asin", "upc", "ean", "artikelnummer", "artikel", "partkey", "productkey", "productname",
    ),
    "quantity": ("quantity", "qty", "units", "pieces", "itemcount", "count", "numberofcds", "menge", "anzahl", "cantidad"),
    "unit_price": ("unitprice", "price", "itemprice", "priceperunit", "einzelpreis", "preis", "precio", "priceeach"),
    "amount": (
        "amount", "total", "linetotal", "totalamount", "totalprice", "ordertotal", "grandtotal", "revenue", "netrevenue",
        "sales", "salesamount", "salesvalue", "dollarvalue", "spend", "paymentvalue", "orderamount", "ordervalue", "value",
        "turnover", "umsatz", "betrag", "gesamt", "importe", "subtotal",
    ),
}  # fmt: skip
CHURNED = ("churned", "churn", "churnflag", "ischurn", "ischurned", "exited", "attrition", "attritionflag", "left", "gone")
LIFETIME_VALUE = ("ltv", "clv", "cltv", "lifetimevalue", "customerlifetimevalue", "futurerevenue", "futurevalue")
RECENCY = ("recency", "dayssincelastpurchase", "dayssincelastorder", "dayssincelastvisit", "lastpurchasedaysago")
FORMATS = (
    "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d/%m/%Y", "%m/%d/%Y",
    "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y",
    "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y %H:%M", "%m/%d/%y %H:%M", "%d/%m/%y",
    "%m/%d/%y", "%d.%m.%y", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y%m%d%H%M%S",
    "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%a %b %d %H:%M:%S %Y",
)  # fmt: skip
_MOSTLY = 0.95


def plain(name: str) -> str:
    """A column's name without case, blanks and signs.

    >>> plain("Customer ID"), plain("order_date")
    ('customerid', 'orderdate')
    """
    return re.sub(r"[\W_]+", "", name).casefold()


@dataclass
class Sample:
    """Some rows of a file, and what their columns could be."""

    frame: pl.DataFrame
    decimal: str = "."
    formats: dict[str, list[str | None]] = field(default_factory=dict)

    @cached_property
    def _database(self) -> duckdb.DuckDBPyConnection:
        database = duckdb.connect()
        database.execute("SET TimeZone = 'UTC'")
        database.register("sample", self.frame.rename({n: f"c{i}" for i, n in enumerate(self.frame.columns)}).to_arrow())
        return database

    def close(self) -> None:
        """Let the rows go."""
        self._database.close()

    def known(self, name: str) -> int:
        """How many cells of a column hold something."""
        return int(self._asked(f"count({self._something(name)})")[0])

    def distinct(self, name: str) -> int:
        """How many different things a column holds."""
        return int(self._asked(f"count(DISTINCT {self._something(name)})")[0])

    def values(self, name: str, *, at_most: int = 20) -> list[str]:
        """The different things that a column holds, the commonest first."""
        some = self._something(name)
        rows = f"SELECT {some} AS v FROM sample WHERE {some} IS NOT NULL GROUP BY v ORDER BY count(*) DESC, v LIMIT {at_most}"
        return [row[0] for row in self._database.execute(rows).fetchall()]

    def is_number(self, name: str) -> bool:
        """Whether nearly all cells that hold something are numbers."""
        field = self._field(name)
        numbers = self._asked(f"count({number_sql(field, decimal=self.decimal)})")[0]
        return field.type != "BOOLEAN" and bool(numbers) and numbers >= _MOSTLY * self.known(name)

    def is_whole(self, name: str) -> bool:
        """Whether nearly all cells that hold something are whole numbers."""
        number = number_sql(self._field(name), decimal=self.decimal)
        whole = self._asked(f"count_if({number} = floor({number}))")[0]
        return bool(whole) and whole >= _MOSTLY * self.known(name)

    def is_id(self, name: str) -> bool:
        """Whether a column can name something: more than one thing, and no fractions."""
        return self.distinct(name) > 1 and (not self.is_number(name) or self.is_whole(name))

    def time_formats(self, name: str) -> list[str | None]:
        """The formats by which nearly all of a column are dates in 1970..2100; None is a date by itself or ISO 8601."""
        kind = self._field(name).type
        if kind.startswith(("DATE", "TIMESTAMP")):
            return [None]
        text = f"trim(CAST({self._field(name).sql} AS VARCHAR))"
        within = "BETWEEN DATE '1970-01-01' AND DATE '2100-12-31'"
        reads = [f"TRY_CAST({text} AS TIMESTAMP)", *(f"try_strptime({text}, {literal(each)})" for each in FORMATS)]
        # A number is a date only by a format: nobody writes ISO 8601 without hyphens in a column of numbers.
        counts = self._asked(", ".join(f"count_if(CAST({read} AS DATE) {within})" for read in reads))
        enough = max(1.0, _MOSTLY * self.known(name))
        found = [each for each, count in zip((None, *FORMATS), counts, strict=True) if count >= enough]
        best = max((count for count in counts), default=0)
        return [each for each in found if counts[(None, *FORMATS).index(each)] == best]

    def descents(self, name: str, timestamp_format: str) -> int:
        """How often a column of times falls from one row to the next: few if the file is sorted and the format right."""
        text = f"trim(CAST({self._field(name).sql} AS VARCHAR))"
        times = f"SELECT try_strptime({text}, {literal(timestamp_format)}) AS t FROM sample"
        found = f"SELECT count_if(t < before) FROM (SELECT t, lag(t) OVER () AS before FROM ({times}))"
        return int(self._database.execute(found).fetchall()[0][0])

    def days(self, name: str, timestamp_format: str | None) -> int:
        """Days from the first to the last date of a column."""
        text = f"trim(CAST({self._field(name).sql} AS VARCHAR))"
        read = f"TRY_CAST({self._field(name).sql} AS TIMESTAMP)"
        if timestamp_format is not None:
            read = f"try_strptime({text}, {literal(timestamp_format)})"
        return int(self._asked(f"coalesce(date_diff('day', min({read}), max({read})), 0)")[0])

    def _field(self, name: str) -> Field:
        i = self.frame.columns.index(name)
        kind = self._database.execute(f"SELECT any_value(typeof(c{i})) FROM sample").fetchall()[0][0]
        return Field(f"c{i}", str(kind))

    def _something(self, name: str) -> str:
        return f"nullif(trim(CAST({self._field(name).sql} AS VARCHAR)), '')"

    def _asked(self, columns: str) -> Sequence[int]:
        return self._database.execute(f"SELECT {columns} FROM sample").fetchall()[0]
