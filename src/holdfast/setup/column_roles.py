"""Which column is what: by a known name, and only where the content agrees."""

import re
from collections.abc import Collection, Mapping

from holdfast.setup.file_sample import Sample
from holdfast.study.sources import TransactionColumns

_NAMES = {
    "customer_id": """
        customerid customer custid cust customerno customernumber customerkey customeruniqueid
        clientid client userid user memberid member buyerid buyer shopperid accountid account
        contactid householdkey householdid visitorid customeremail email kundennummer kundennr
        kundenid kunde idclient idcliente cliente""",
    "occurred_at": """
        occurredat invoicedate orderdate purchasedate transactiondate saledate datetime timestamp
        orderpurchasetimestamp orderedat createdat purchasedat boughtat paidat eventtime date day
        time bestelldatum rechnungsdatum datum fecha transdate""",
    "order_id": """
        orderid order invoice invoiceno invoiceid invoicenumber ordernumber orderno orderkey
        basketid transactionid receiptid receipt receiptno ticketid ticket checkoutid saleid
        bestellnummer rechnungsnummer""",
    "product_id": """
        productid stockcode sku itemid articleid productcode itemcode article product item asin
        upc ean artikelnummer artikel partkey productkey productname""",
    "quantity": "quantity qty units pieces itemcount count numberofcds menge anzahl cantidad",
    "unit_price": "unitprice price itemprice priceperunit priceeach einzelpreis preis precio",
    "amount": """
        amount total linetotal totalamount totalprice ordertotal grandtotal subtotal revenue
        netrevenue sales salesamount salesvalue dollarvalue spend paymentvalue orderamount
        ordervalue value turnover umsatz betrag gesamt importe""",
    "churned": "churned churn churnflag ischurn ischurned exited attrition attritionflag left gone",
    "value": "ltv clv cltv lifetimevalue customerlifetimevalue futurerevenue futurevalue",
    "recency": "recency dayssincelastpurchase dayssincelastorder dayssincelastvisit",
}
SYNONYMS = {role: tuple(names.split()) for role, names in _NAMES.items()}
"""Role -> the names that its column is known by, the surest first, as `plain` writes them."""
LOG_ROLES = tuple(TransactionColumns.model_fields)


def _fits(sample: Sample, role: str, name: str) -> bool:
    """Whether the content of a column agrees with a role."""
    if role == "occurred_at":
        return bool(sample.time_formats(name))
    if role == "churned":
        return sample.distinct(name) == 2
    is_id = role in ("customer_id", "order_id", "product_id")
    return sample.can_name(name) if is_id else sample.is_number(name)


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
    columns = dict(given)
    for exact in (True, False):
        for role in LOG_ROLES:
            taken = columns.values()
            if role not in columns and (name := _find(sample, role, exact=exact, taken=taken)):
                columns[role] = name
    if "occurred_at" not in columns:
        free = [name for name in sample.names if name not in columns.values()]
        dates = [name for name in free if sample.time_formats(name)]
        if len(dates) == 1:
            columns["occurred_at"] = dates[0]
    return columns


def column_for(sample: Sample, role: str) -> str | None:
    """The column that is known by a name for `role`, if its content agrees."""
    return _find(sample, role, exact=True, taken=())


def find_misnamed(sample: Sample, role: str) -> str | None:
    """The column that is known by a name for `role`, though its content disagrees."""
    columns = (name for word in SYNONYMS[role] for name in sample.names if plain(name) == word)
    return next((name for name in columns if not _fits(sample, role, name)), None)


def _find(sample: Sample, role: str, *, exact: bool, taken: Collection[str]) -> str | None:
    columns = {name: plain(name) for name in sample.names if name not in taken}
    for word in SYNONYMS[role]:
        for name, plain_name in columns.items():
            agrees = plain_name == word if exact else len(word) > 4 and word in plain_name
            if agrees and _fits(sample, role, name):
                return name
    return None
