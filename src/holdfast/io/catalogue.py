"""What Holdfast knows of public data sets: where from, on what terms, in what format, and the
figures of a true copy.

A SHA-256 is given where our copy, written back in the provider's format, has it (CDNOW master,
telco, Hillstrom), or where independent downloads agree on it (Online Retail II).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import Path

import polars as pl

from holdfast.io.unpack import read_csv, read_fixed_width, read_workbook


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One entry of the catalogue.

    Attributes
    ----------
    kind
        Grain of the rows: order log, order lines, snapshot or randomised test.
    rows, customers, total
        What a copy must come to; `total` is the sum of `total_of`, to the cent.
    url
        The provider's own address; None where the provider asks for a login, and `by_hand` says how
        to get it.
    member
        Name of the data file inside the provider's zip; None where the download is the data file.
    sha256
        Of the provider's data file (not of the zip around it); None where it could not be
        confirmed.
    needs
        A package of the extra `datasets`, without which the format cannot be read.
    figures
        Further counts a copy must come to: what -> (count, how to count it).
    """

    name: str
    title: str
    kind: str
    provider: str
    page: str
    licence: str
    citation: str
    rows: int
    customers: int
    total: Decimal
    total_of: str
    url: str | None = None
    by_hand: str = ""
    member: str | None = None
    sha256: str | None = None
    needs: str | None = None
    customer: pl.Expr = field(repr=False, compare=False)
    amount: pl.Expr = field(repr=False, compare=False)
    figures: Mapping[str, tuple[int, pl.Expr]] = field(
        default_factory=dict, repr=False, compare=False
    )
    read: Callable[[Path], pl.DataFrame] = field(default=pl.read_csv, repr=False, compare=False)


def catalogue() -> tuple[Dataset, ...]:
    """Every data set Holdfast knows, those that can be fetched first."""
    return (
        _cdnow_master(),
        _cdnow_sample(),
        _online_retail_ii(),
        _telco(),
        _hillstrom(),
        _ecommerce_user_segmentation(),
    )


def _cdnow_master() -> Dataset:
    return Dataset(
        name="cdnow_master",
        title="CDNOW: every purchase to June 1998 of the customers acquired in the first quarter "
        "of 1997",
        kind="order log",
        provider="Bruce Hardie",
        page="https://www.brucehardie.com/datasets/",
        licence="none stated; published for research",
        citation="Fader, P. S. and Hardie, B. G. S. (2001). Forecasting Repeat Sales at CDNOW: A "
        "Case Study. "
        "Interfaces 31(3), S94-S107.",
        url="https://www.brucehardie.com/datasets/CDNOW_master.zip",
        member="CDNOW_master.txt",
        sha256="61fd6f7bf3497187a7ec0d9ff6a99b7568f1fe911a9f3665e02efecd6b34ed07",
        rows=69_659,
        customers=23_570,
        total=Decimal("2500315.63"),
        total_of="dollar_value, USD",
        customer=pl.col("customer_id"),
        amount=pl.col("dollar_value"),
        figures={"zero-dollar rows": (80, (pl.col("dollar_value") == 0).sum())},
        read=partial(
            read_fixed_width,
            fields={
                "customer_id": (1, 6, pl.Int32()),
                "date": (7, 15, pl.Datetime("us")),
                "number_of_cds": (16, 18, pl.Int16()),
                "dollar_value": (19, 26, pl.Float64()),
            },
        ),
    )


def _cdnow_sample() -> Dataset:
    return replace(
        _cdnow_master(),
        name="cdnow_sample",
        title="CDNOW: the systematic 1/10 sample used in the papers",
        url="https://www.brucehardie.com/datasets/CDNOW_sample.zip",
        member="CDNOW_sample.txt",
        sha256=None,
        rows=6_919,
        customers=2_357,
        total=Decimal("244091.94"),
        figures={
            "zero-dollar rows": (8, (pl.col("dollar_value") == 0).sum()),
            "customers of the master file": (2_357, pl.col("master_id").n_unique()),
            "CDs": (16_479, pl.col("number_of_cds").sum()),
        },
        read=partial(
            read_fixed_width,
            fields={
                "master_id": (1, 6, pl.Int64()),
                "customer_id": (7, 11, pl.Int64()),
                "date": (12, 20, pl.Datetime("us")),
                "number_of_cds": (21, 23, pl.Int64()),
                "dollar_value": (24, 31, pl.Float64()),
            },
        ),
    )


def _online_retail_ii() -> Dataset:
    return Dataset(
        name="online_retail_ii",
        title="Online Retail II: order lines of a British gift wholesaler, December 2009 to "
        "December 2011",
        kind="order lines",
        provider="UCI Machine Learning Repository",
        page="https://archive.ics.uci.edu/dataset/502/online+retail+ii",
        licence="CC BY 4.0",
        citation="Chen, D. (2012). Online Retail II. UCI Machine Learning Repository. "
        "doi:10.24432/C5CG6D",
        url="https://archive.ics.uci.edu/static/public/502/online+retail+ii.zip",
        member="online_retail_II.xlsx",
        sha256="bcbe73b35f5b7babf197fb0cb983a11f5d9ff929078d4aa53d171b1f2df2e980",
        needs="fastexcel",
        rows=1_067_371,
        customers=5_942,
        total=Decimal("19287250.57"),
        total_of="Quantity x Price, GBP",
        customer=pl.col("Customer ID"),
        amount=pl.col("Quantity") * pl.col("Price"),
        figures={
            "lines without a customer": (243_007, pl.col("Customer ID").null_count()),
            "cancellation lines": (19_494, pl.col("Invoice").str.starts_with("C").sum()),
            "bad-debt lines": (6, pl.col("Invoice").str.starts_with("A").sum()),
            "lines of sheet 2009-2010": (525_461, (pl.col("sheet") == "2009-2010").sum()),
        },
        read=partial(
            read_workbook,
            sheets={"2009-2010": "Year 2009-2010", "2010-2011": "Year 2010-2011"},
            columns={
                "Invoice": pl.String(),
                "StockCode": pl.String(),
                "Description": pl.String(),
                "Quantity": pl.Int32(),
                "InvoiceDate": pl.Datetime("ms"),
                "Price": pl.Float64(),
                "Customer ID": pl.Int32(),
                "Country": pl.String(),
            },
        ),
    )


def _telco() -> Dataset:
    return Dataset(
        name="telco",
        title="Telco customer churn: subscribers of a fictional company (never evidence of "
        "anything)",
        kind="snapshot",
        provider="IBM",
        page="https://github.com/IBM/telco-customer-churn-on-icp4d",
        licence="Apache-2.0",
        citation="IBM. Telco Customer Churn for Watson Studio, sample data.",
        url="https://raw.githubusercontent.com/IBM/telco-customer-churn-on-icp4d/master/data/Telco-Customer-Churn.csv",
        sha256="16320c9c1ec72448db59aa0a26a0b95401046bef5d02fd3aeb906448e3055e91",
        rows=7_043,
        customers=7_043,
        total=Decimal("456116.60"),
        total_of="MonthlyCharges, USD",
        customer=pl.col("customerID"),
        amount=pl.col("MonthlyCharges"),
        figures={
            "churned": (1_869, (pl.col("Churn") == "Yes").sum()),
            "blank TotalCharges": (11, (pl.col("TotalCharges") == " ").sum()),
        },
        read=partial(
            read_csv,
            numbers={
                "SeniorCitizen": pl.Int64(),
                "tenure": pl.Int64(),
                "MonthlyCharges": pl.Float64(),
            },
        ),
    )


def _hillstrom() -> Dataset:
    whole = ("recency", "mens", "womens", "newbie", "visit", "conversion")
    return Dataset(
        name="hillstrom",
        title="MineThatData e-mail test: men's, women's or no e-mail, drawn by lot",
        kind="randomised test",
        provider="Kevin Hillstrom, MineThatData",
        page="https://blog.minethatdata.com/2008/03/minethatdata-e-mail-analytics-and-data.html",
        licence="none stated; published for the MineThatData challenge",
        citation="Hillstrom, K. (2008). The MineThatData E-Mail Analytics and Data Mining "
        "Challenge.",
        # The provider does not serve this file over TLS: its SHA-256 is what vouches for it.
        url="http://www.minethatdata.com/"
        "Kevin_Hillstrom_MineThatData_E-MailAnalytics_DataMiningChallenge_2008.03.20.csv",
        sha256="0e5893329d8b93cefecc571777672028290ab69865718020c78c7284f291aece",
        rows=64_000,
        customers=64_000,
        total=Decimal("67258.13"),
        total_of="spend, USD",
        customer=pl.int_range(pl.len()),
        amount=pl.col("spend"),
        figures={
            f"customers with {arm}": (size, (pl.col("segment") == arm).sum())
            for arm, size in (
                ("Mens E-Mail", 21_307),
                ("Womens E-Mail", 21_387),
                ("No E-Mail", 21_306),
            )
        },
        read=partial(
            read_csv,
            numbers=dict.fromkeys(whole, pl.Int64())
            | {"history": pl.Float64(), "spend": pl.Float64()},
        ),
    )


def _ecommerce_user_segmentation() -> Dataset:
    return Dataset(
        name="ecommerce_user_segmentation",
        title="E-commerce user segmentation: 14 columns of a shop's customers, churn is Recency > "
        "90",
        kind="snapshot",
        provider="Kaggle",
        page="https://www.kaggle.com/datasets",
        licence="not stated",
        citation="E-commerce user segmentation, ecommerce_user_segmentation.csv, Kaggle.",
        by_hand="Kaggle asks for a login: sign in there, search for "
        "ecommerce_user_segmentation.csv, and give the "
        "path of the file to `holdfast init` (its SHA-256 begins with 031fe634)",
        sha256="031fe634c586b686452de802fb4436e91e350bfdd02b8c383ebedf6d117ea3bd",
        rows=10_000,
        customers=10_000,
        total=Decimal("19383946.00"),
        total_of="Monetary",
        customer=pl.col("Customer_ID"),
        amount=pl.col("Monetary"),
    )
