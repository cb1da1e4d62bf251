"""Exports as shop and payment systems write them, all of the same invented orders: their own
headings, words and dates.
"""

import csv
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

Row = dict[str, object]
N_ORDERS, N_CUSTOMERS, EVERY_DAYS = 80, 14, 6
GOODS = (
    ("MUG-1", "Mug", 912),
    ("BWL-2", "Bowl", 1350),
    ("POT-3", "Pot", 4275),
    ("CUP-4", "Cup", 640),
)
OUTCOMES = ("paid",) * 12 + ("refunded", "cancelled", "pending")


@dataclass(frozen=True)
class Order:
    """An invented order; `lines` are sku, name, quantity and price in cents."""

    number: int
    customer: int
    moment: datetime
    lines: tuple[tuple[str, str, int, int], ...]
    outcome: str

    @property
    def cents(self) -> int:
        """What its goods cost."""
        return sum(quantity * price for _, _, quantity, price in self.lines)

    @property
    def email(self) -> str:
        """Of the customer."""
        return f"c{self.customer:02d}@mail.example"

    @property
    def total(self) -> str:
        """What its goods cost, in units."""
        return units(self.cents)


@dataclass(frozen=True)
class Truth:
    """What a log of the orders must come to: orders that are sales, revenue in cents, and the sum
    of the lines' days since 1970, where that is known.
    """

    orders: int
    cents: int
    days: int | None = None


@dataclass(frozen=True)
class Export:
    """A system's export: its rows for an order, and whether an order that was refunded whole still
    counts, at nothing.
    """

    name: str
    rows: Callable[[Order], Sequence[Row]]
    keeps_refunded: bool = False
    outcomes: frozenset[str] = frozenset(OUTCOMES)

    def write(self, path: Path, orders: Sequence[Order]) -> None:
        """Write the orders that such a system has."""
        rows = [row for order in self.of(orders) for row in self.rows(order)]
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    def of(self, orders: Sequence[Order]) -> list[Order]:
        """The orders that such a system has."""
        return [order for order in orders if order.outcome in self.outcomes]

    def truth(self, orders: Sequence[Order]) -> Truth:
        """Count the orders that are sales, by hand."""
        paid = [order for order in self.of(orders) if order.outcome == "paid"]
        kept = [order for order in self.of(orders) if order.outcome == "refunded"]
        return Truth(
            len(paid) + self.keeps_refunded * len(kept), sum(order.cents for order in paid)
        )


def make_orders(seed: int = 7) -> list[Order]:
    """Invent orders, one in `EVERY_DAYS` days."""
    rng = random.Random(seed)
    begins = datetime(2022, 3, 2, 14, 5, 30, tzinfo=UTC)
    orders = []
    for i in range(N_ORDERS):
        goods = rng.sample(GOODS, rng.choice((1, 1, 2, 3)))
        orders.append(
            Order(
                number=1001 + i,
                customer=int(N_CUSTOMERS * rng.random() ** 1.7) + 1,
                moment=begins + timedelta(days=EVERY_DAYS * i, hours=rng.randrange(8)),
                lines=tuple(
                    (sku, name, rng.choice((1, 1, 2)), price) for sku, name, price in goods
                ),
                outcome=rng.choice(OUTCOMES),
            )
        )
    return orders


def units(cents: int) -> str:
    """Cents as shops write an amount: 12.50."""
    return f"{cents / 100:.2f}"


def _word(order: Order, paid: str, refunded: str, cancelled: str, pending: str) -> str:
    words = {"paid": paid, "refunded": refunded, "cancelled": cancelled, "pending": pending}
    return words[order.outcome]


def _shopify(order: Order) -> list[Row]:
    back = order.total if order.outcome == "refunded" else "0"
    head: Row = {
        "Financial Status": _word(order, "paid", "refunded", "voided", "pending"),
        "Paid at": order.moment.strftime("%Y-%m-%d %H:%M:%S -0500"), "Currency": "USD",
        "Subtotal": order.total, "Shipping": "0.00", "Taxes": "0.00", "Total": order.total,
        "Discount Code": "", "Discount Amount": "0.00", "Refunded Amount": back,
    }  # fmt: skip
    rows = []
    for i, (sku, name, quantity, price) in enumerate(order.lines):
        rows.append(
            {"Name": f"#{order.number}", "Email": order.email}
            | {key: value if i == 0 else "" for key, value in head.items()}
            | {
                "Created at": order.moment.strftime("%Y-%m-%d %H:%M:%S -0500"),
                "Lineitem quantity": quantity, "Lineitem name": name,
                "Lineitem price": units(price), "Lineitem sku": sku, "Vendor": "Pottery",
            }
        )  # fmt: skip
    return rows


def _woocommerce(order: Order) -> list[Row]:
    status = _word(order, "wc-completed", "wc-refunded", "wc-cancelled", "wc-pending")
    return [
        {
            "order_id": order.number, "order_number": order.number,
            "order_date": f"{order.moment:%Y-%m-%d %H:%M:%S}", "status": status,
            "shipping_total": "0", "tax_total": "1.20", "discount_total": "0",
            "order_total": order.total, "refunded_total": "0", "order_currency": "EUR",
            "customer_id": order.customer if order.customer % 3 else 0,
            "billing_first_name": "Ann", "billing_email": order.email,
            "item_count": len(order.lines),
        }
    ]  # fmt: skip


def _magento(order: Order) -> list[Row]:
    back = order.total if order.outcome == "refunded" else "0.0000"
    status = _word(order, "complete", "complete", "canceled", "pending")
    return [
        {
            "entity_id": order.number - 900, "increment_id": f"0000{order.number}",
            "status": status, "store_id": 1, "customer_id": order.customer,
            "base_grand_total": order.total, "grand_total": order.total, "total_paid": order.total,
            "total_refunded": back, "tax_amount": "2.10", "shipping_amount": "4.90",
            "created_at": f"{order.moment:%Y-%m-%d %H:%M:%S}",
            "updated_at": f"{order.moment + timedelta(days=3):%Y-%m-%d %H:%M:%S}",
            "customer_email": order.email, "total_qty_ordered": len(order.lines),
        }
    ]  # fmt: skip


def _stripe(order: Order) -> list[Row]:
    back = order.total if order.outcome == "refunded" else "0.00"
    return [
        {
            "id": f"ch_{order.number}x", "Created date (UTC)": f"{order.moment:%Y-%m-%d %H:%M:%S}",
            "Amount": order.total, "Amount Refunded": back, "Currency": "usd", "Fee": "0.59",
            "Status": _word(order, "Paid", "Refunded", "Failed", "Requires Action"), "Mode": "Live",
            "Customer ID": f"cus_{order.customer}", "Customer Email": order.email,
        }
    ]  # fmt: skip


def _paypal(order: Order) -> list[Row]:
    def row(day: date, kind: str, cents: int, name: str) -> Row:
        return {
            "Date": f"{day:%d/%m/%Y}", "Time": "14:05:30", "TimeZone": "GMT", "Name": "Ann",
            "Type": kind, "Status": _word(order, "Completed", "Completed", "Denied", "Pending"),
            "Currency": "USD", "Gross": units(cents), "Fee": "-0.59", "Net": units(cents - 59),
            "From Email Address": order.email, "To Email Address": "shop@shop.example",
            "Transaction ID": f"{order.number}{name}", "Balance": "100.00",
        }  # fmt: skip

    rows = [row(order.moment.date(), "Express Checkout Payment", order.cents, "P")]
    if order.outcome == "refunded":
        later = order.moment.date() + timedelta(days=2)
        rows.append(row(later, "Payment Refund", -order.cents, "R"))
    return rows


def _square(order: Order) -> list[Row]:
    def row(line: tuple[str, str, int, int], event: str, days: int, sign: int) -> Row:
        sku, name, quantity, price = line
        net = units(sign * quantity * price)
        return {
            "Date": f"{order.moment + timedelta(days=days):%Y-%m-%d}", "Time": "14:05:30",
            "Category": "Pots", "Item": name, "Qty": sign * quantity, "SKU": sku,
            "Gross Sales": net, "Discounts": "0.00", "Net Sales": net, "Tax": "0.10",
            "Transaction ID": f"T{order.number}", "Event Type": event,
            "Customer ID": f"SQ{order.customer}", "Customer Name": "Ann",
        }  # fmt: skip

    rows = [row(line, "Payment", 0, 1) for line in order.lines]
    if order.outcome == "refunded":
        rows += [row(line, "Refund", 2, -1) for line in order.lines]
    return rows


def _etsy(order: Order) -> list[Row]:
    return [
        {
            "Sale Date": f"{order.moment:%m/%d/%Y}", "Order ID": order.number * 7919,
            "Buyer User ID": f"buyer{order.customer}", "Full Name": "Ann A", "First Name": "Ann",
            "Number of Items": len(order.lines), "Date Shipped": f"{order.moment:%m/%d/%Y}",
            "Ship Country": "US", "Currency": "USD", "Order Value": order.total,
            "Discount Amount": "0", "Shipping": "0", "Sales Tax": "0", "Order Total": order.total,
            "Status": _word(order, "Completed", "Refunded", "Canceled", "Unpaid"),
            "Order Net": units(order.cents - 88),
        }
    ]  # fmt: skip


def _amazon(order: Order) -> list[Row]:
    status = _word(order, "Shipped", "Shipped", "Cancelled", "Pending")
    return [
        {
            "amazon-order-id": f"114-{order.number}-77", "merchant-order-id": "",
            "purchase-date": f"{order.moment:%Y-%m-%dT%H:%M:%S+00:00}", "order-status": status,
            "sales-channel": "Amazon.com", "product-name": name, "sku": sku, "quantity": quantity,
            "currency": "USD", "item-price": units(quantity * price), "item-tax": "0.40",
            "shipping-price": "3.99", "ship-state": "CA", "buyer-email": order.email,
        }
        for sku, name, quantity, price in order.lines
    ]  # fmt: skip


def _lightspeed(order: Order) -> list[Row]:
    return [
        {
            "Date": f"{order.moment:%Y-%m-%d}", "Receipt Number": f"R-{order.number}",
            "Customer Code": "", "Customer ID": f"LS{order.customer}", "SKU": sku, "Item": name,
            "Qty": quantity, "Unit Price": units(price), "Unit Cost": "1.00", "Discount": "0",
            "Tax": "0.00", "Line Total": units(quantity * price),
            "Status": _word(order, "Closed", "Returned", "Voided", "On Hold"),
        }
        for sku, name, quantity, price in order.lines
    ]  # fmt: skip


def _klaviyo(order: Order) -> list[Row]:
    return [
        {
            "Event Timestamp": f"{order.moment:%Y-%m-%dT%H:%M:%S}", "Event Name": "Placed Order",
            "Profile ID": f"01H{order.customer}X", "Email": order.email,
            "Order ID": order.number, "Value": order.total, "Item Count": len(order.lines),
        }
    ]  # fmt: skip


def _braze(order: Order) -> list[Row]:
    return [
        {
            "external_id": f"u-{order.customer}", "app_id": "a1", "product_id": sku,
            "currency": "USD", "price": units(price), "quantity": quantity,
            "time": f"{order.moment:%Y-%m-%dT%H:%M:%SZ}",
        }
        for sku, _, quantity, price in order.lines
    ]  # fmt: skip


def _hubspot(order: Order) -> list[Row]:
    return [
        {
            "Record ID": order.number * 31, "Deal Name": f"Deal {order.number}",
            "Deal Stage": _word(order, "Closed won", "Closed lost", "Closed lost", "Contract sent"),
            "Close Date": f"{order.moment:%Y-%m-%d %H:%M}", "Deal owner": "Ann",
            "Amount": order.total, "Create Date": f"{order.moment - timedelta(days=9):%Y-%m-%d}",
            "Associated Company IDs": f"90{order.customer}",
        }
    ]  # fmt: skip


def _salesforce(order: Order) -> list[Row]:
    return [
        {
            "Id": f"006{order.number}AA", "AccountId": f"001{order.customer}BB",
            "Name": f"Deal {order.number}", "Probability": 100, "Amount": order.total,
            "StageName": _word(order, "Closed Won", "Closed Lost", "Closed Lost", "Negotiation"),
            "CloseDate": f"{order.moment:%Y-%m-%d}", "IsWon": order.outcome == "paid",
            "CreatedDate": f"{order.moment - timedelta(days=9):%Y-%m-%dT%H:%M:%SZ}",
        }
    ]  # fmt: skip


def _quickbooks(order: Order) -> list[Row]:
    def row(days: int, kind: str, cents: int, suffix: str = "") -> Row:
        return {
            "Date": f"{order.moment + timedelta(days=days):%m/%d/%Y}", "Transaction Type": kind,
            "Num": f"{order.number}{suffix}", "Customer": f"Client {order.customer}",
            "Memo/Description": "", "Amount": units(cents), "Balance": "0.00",
        }  # fmt: skip

    rows = [row(0, "Invoice", order.cents)]
    if order.outcome == "refunded":
        rows.append(row(2, "Credit Memo", -order.cents, "CM"))
    return rows


def _dbt(order: Order) -> list[Row]:
    return [
        {
            "order_id": order.number, "customer_id": order.customer,
            "order_date": f"{order.moment:%Y-%m-%d}",
            "status": _word(order, "completed", "returned", "cancelled", "pending"),
            "credit_card_amount": order.total, "coupon_amount": "0", "gift_card_amount": "0",
            "amount": order.total,
        }
    ]  # fmt: skip


def _segment(order: Order) -> list[Row]:
    return [
        {
            "id": f"ajs-{order.number * 17}", "anonymous_id": f"anon-{order.number}",
            "user_id": f"u{order.customer}", "event": "order_completed", "order_id": order.number,
            "received_at": f"{order.moment:%Y-%m-%d %H:%M:%S}", "revenue": order.total,
            "timestamp": f"{order.moment:%Y-%m-%d %H:%M:%S}", "shipping": "0", "tax": "0",
            "currency": "USD",
        }
    ]  # fmt: skip


_SOLD = frozenset({"paid"})
_SOLD_OR_BACK = frozenset({"paid", "refunded"})
EXPORTS = (
    Export("Shopify", _shopify, keeps_refunded=True),
    Export("WooCommerce", _woocommerce),
    Export("Magento", _magento, keeps_refunded=True),
    Export("Stripe", _stripe, keeps_refunded=True),
    Export("PayPal", _paypal, keeps_refunded=True),
    Export("Square", _square, keeps_refunded=True, outcomes=_SOLD_OR_BACK),
    Export("Etsy", _etsy),
    Export("Amazon", _amazon, outcomes=frozenset({"paid", "cancelled", "pending"})),
    Export("Lightspeed", _lightspeed),
    Export("Klaviyo", _klaviyo, outcomes=_SOLD),
    Export("Braze", _braze, outcomes=_SOLD),
    Export("HubSpot", _hubspot),
    Export("Salesforce", _salesforce),
    Export("QuickBooks", _quickbooks, keeps_refunded=True, outcomes=_SOLD_OR_BACK),
    Export("dbt fct_orders", _dbt),
    Export("Segment", _segment, outcomes=_SOLD),
)

HEADINGS: Mapping[str, str] = {
    "English": "Client Number|Purchase Date|Order Number|Item|Units|Unit Price|Order Status",
    "German": "Kundennummer|Bestelldatum|Bestellnummer|Artikelnummer|Menge|Einzelpreis|Status",
    "French": "Numéro client|Date de commande|N° commande|Référence produit|Quantité|"
    "Prix unitaire|Statut",
    "Spanish": "ID cliente|Fecha de pedido|Número de pedido|Producto|Cantidad|Precio unitario|"
    "Estado",
    "Portuguese": "Código do cliente|Data do pedido|Número do pedido|Produto|Quantidade|"
    "Preço unitário|Situação",
    "Italian": "Codice cliente|Data ordine|Numero ordine|Prodotto|Quantità|Prezzo unitario|Stato",
    "Dutch": "Klantnummer|Besteldatum|Ordernummer|Artikelcode|Aantal|Stukprijs|Orderstatus",
    "Chinese": "客户编号|下单时间|订单号|商品名称|数量|单价|订单状态",
    "Japanese": "顧客番号|注文日時|注文番号|商品コード|数量|単価|注文ステータス",
}
"""Language -> headings of customer, time, order, product, quantity, price and status."""
STATUS_WORDS: Mapping[str, str] = {
    "English": "Completed|Refunded|Cancelled|Pending",
    "German": "Abgeschlossen|Erstattet|Storniert|Ausstehend",
    "French": "Terminée|Remboursée|Annulée|En attente",
    "Spanish": "Completado|Reembolsado|Cancelado|Pendiente",
    "Portuguese": "Concluído|Reembolsado|Cancelado|Pendente",
    "Italian": "Completato|Rimborsato|Annullato|In attesa",
    "Dutch": "Voltooid|Terugbetaald|Geannuleerd|In afwachting",
    "Chinese": "已完成|已退款|已取消|待付款",
    "Japanese": "完了|返金済み|キャンセル|未払い",
}


def in_language(language: str) -> Export:
    """The orders line by line, under the headings of a language."""
    customer, when, number, product, quantity, price, status = HEADINGS[language].split("|")
    words = STATUS_WORDS[language].split("|")

    def rows(order: Order) -> list[Row]:
        return [
            {
                number: f"{order.number}", when: f"{order.moment:%Y-%m-%d}",
                customer: f"K{order.customer}", product: sku, quantity: n,
                price: units(each), status: _word(order, *words),
            }
            for sku, _, n, each in order.lines
        ]  # fmt: skip

    return Export(language, rows)


def all_exports() -> Iterator[Export]:
    """Every system and every language."""
    yield from EXPORTS
    yield from map(in_language, HEADINGS)
