"""Which column is what: by a known name, and only where the content agrees."""

import re
from collections.abc import Callable, Collection, Mapping

from holdfast.setup.file_sample import Sample

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "customer_id": tuple(
        """
        customerid customer custid cust customerno customernumber customerkey customeruniqueid
        clientid client userid user memberid member buyerid buyer shopperid accountid account
        contactid householdkey householdid visitorid customeremail email kundennummer kundennr
        kundenid kunde idclient idcliente cliente
    """.split()
    ),
    "occurred_at": tuple(
        """
        occurredat invoicedate orderdate purchasedate transactiondate saledate datetime timestamp
        orderpurchasetimestamp orderedat createdat purchasedat boughtat paidat eventtime date day
        time bestelldatum rechnungsdatum datum fecha transdate
    """.split()
    ),
    "order_id": tuple(
        """
        orderid order invoice invoiceno invoiceid invoicenumber ordernumber orderno orderkey
        basketid transactionid receiptid receipt receiptno ticketid ticket checkoutid saleid
        bestellnummer rechnungsnummer
    """.split()
    ),
    "product_id": tuple(
        """
        productid stockcode sku itemid articleid productcode itemcode article product item asin
        upc ean artikelnummer artikel partkey productkey productname
    """.split()
    ),
    "quantity": tuple(
        """
        quantity qty units pieces itemcount count numberofcds menge anzahl cantidad
    """.split()
    ),
    "unit_price": tuple(
        """
        unitprice price itemprice priceperunit priceeach einzelpreis preis precio
    """.split()
    ),
    "amount": tuple(
        """
        amount total linetotal totalamount totalprice ordertotal grandtotal subtotal revenue
        netrevenue sales salesamount salesvalue dollarvalue spend paymentvalue orderamount
        ordervalue value turnover umsatz betrag gesamt importe
    """.split()
    ),
    "churned": tuple(
        """
        churned churn churnflag ischurn ischurned exited attrition attritionflag left gone
    """.split()
    ),
    "value": (
        "ltv",
        "clv",
        "cltv",
        "lifetimevalue",
        "customerlifetimevalue",
        "futurerevenue",
        "futurevalue",
    ),
    "recency": ("recency", "dayssincelastpurchase", "dayssincelastorder", "dayssincelastvisit"),
}
_FITS: Mapping[str, Callable[[Sample, str], bool]] = {
    "customer_id": Sample.can_name,
    "occurred_at": lambda sample, name: bool(sample.time_formats(name)),
    "order_id": Sample.can_name,
    "product_id": Sample.can_name,
    "quantity": Sample.is_number,
    "unit_price": Sample.is_number,
    "amount": Sample.is_number,
    "churned": lambda sample, name: sample.distinct(name) == 2,
    "value": Sample.is_number,
    "recency": Sample.is_number,
}
_LOG_ROLES = (
    "customer_id",
    "occurred_at",
    "order_id",
    "product_id",
    "quantity",
    "unit_price",
    "amount",
)


def plain(name: str) -> str:
    """A column's name without case, blanks and signs.

    >>> plain("Customer ID"), plain("order_date")
    ('customerid', 'orderdate')
    """
    return re.sub(r"[\W_]+", "", name).casefold()


def log_columns(sample: Sample, given: Mapping[str, str]) -> dict[str, str]:
    """Role -> column, for the roles of an order log that a column was found for; `given` roles are
    not looked for.

    A name that is known comes first, then a name that holds a known one (`order_date_gmt`); a date
    column is taken under any name if it is the only one. No column has two roles.
    """
    found = dict(given)
    for exact in (True, False):
        for role in _LOG_ROLES:
            if role not in found and (
                name := _named(sample, role, exact=exact, taken=found.values())
            ):
                found[role] = name
    if "occurred_at" not in found:
        dates = [
            name
            for name in sample.names
            if name not in found.values() and sample.time_formats(name)
        ]
        if len(dates) == 1:
            found["occurred_at"] = dates[0]
    return found


def column_for(sample: Sample, role: str) -> str | None:
    """The column that is known by a name for `role`, if its content agrees."""
    return _named(sample, role, exact=True, taken=())


def misnamed(sample: Sample, role: str) -> str | None:
    """The column that is known by a name for `role`, though its content disagrees."""
    known = (name for word in SYNONYMS[role] for name in sample.names if plain(name) == word)
    return next((name for name in known if not _FITS[role](sample, name)), None)


def _named(sample: Sample, role: str, *, exact: bool, taken: Collection[str]) -> str | None:
    columns = {name: plain(name) for name in sample.names if name not in taken}
    for word in SYNONYMS[role]:
        for name, written in columns.items():
            agrees = written == word if exact else len(word) > 4 and word in written
            if agrees and _FITS[role](sample, name):
                return name
    return None
