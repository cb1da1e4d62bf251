"""The study: one frozen configuration, read from holdfast.toml and passed to everything.

A key that does not exist is an error that names the nearest one that does. Environment variables in paths and the
names of variables that hold secrets stay as written; only the rooms that open a source look them up.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from holdfast.errors import StudyError, nearest
from holdfast.expressions import parse
from holdfast.tables import ENGAGEMENT_KINDS
from holdfast.windows import parse_day

ALGORITHMS = ("lightgbm", "logistic", "ridge", "random_forest", "hist_gradient_boosting", "xgboost", "catboost")
SEGMENT_NAMES = ("Champion", "At-Risk VIP", "Promising", "Vulnerable", "Hibernating", "Losing Customer")
AT_RISK_SEGMENTS = ("At-Risk VIP", "Vulnerable", "Losing Customer")


def eligible_days(rule: str) -> int | None:
    """Days of the eligibility rule; None for everyone who ever bought.

    >>> eligible_days("bought in the last 365 days"), eligible_days("ever bought")
    (365, None)
    """
    if rule == "ever bought":
        return None
    if match := re.fullmatch(r"bought in the last (\d{1,4}) days", rule):
        return int(match[1])
    raise StudyError(
        f"churn.eligible {rule!r} is not understood", fix='write "bought in the last 365 days" or "ever bought"'
    )


def _expression(text: str) -> str:
    parse(text)
    return text


def _day(text: str) -> str:
    parse_day(text)
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise StudyError(f"time_zone {name!r} is not known", fix="write it as Europe/London or UTC") from None
    return name


def _not_empty(query: str) -> str:
    if not query.strip():
        raise StudyError("postgres.query is empty", fix="write a SELECT")
    return query


Expr = Annotated[str, AfterValidator(_expression)]
DayText = Annotated[str, AfterValidator(_day)]
Horizon = Annotated[int, Field(ge=1, le=3650)]
Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Parameters = dict[str, bool | int | float | str | None]


class Section(BaseModel):
    """A table of the study: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Csv(Section):
    """How a text file is written; `holdfast init` detects it once and writes it down."""

    encoding: Literal["utf-8", "utf-8-sig", "latin-1", "utf-16"] = "utf-8"
    delimiter: str = Field(",", min_length=1, max_length=1)
    quote: str = Field('"', min_length=1, max_length=1)
    decimal: Literal[".", ","] = "."
    timestamp_format: str | None = None
    """strptime format of `occurred_at`; None reads ISO 8601."""


class Postgres(Section):
    """A query on a PostgreSQL server; the connection string stays in the environment."""

    dsn_env: str = "HOLDFAST_POSTGRES_DSN"
    query: Annotated[str, AfterValidator(_not_empty)]


class Source(Section):
    """Where rows come from: a file or glob, or a query."""

    path: str | None = None
    postgres: Postgres | None = None
    csv: Csv = Csv()

    @model_validator(mode="after")
    def _one_source(self) -> "Source":
        if (self.path is None) == (self.postgres is None):
            raise StudyError("a source needs exactly one of 'path' and 'postgres'", fix="keep one of them")
        return self


class TransactionColumns(Section):
    """Which column is what.

    An amount is either `amount` or `quantity` x `unit_price`; without either, only purchases count.
    """

    customer_id: str
    occurred_at: str
    order_id: str | None = None
    product_id: str | None = None
    quantity: str | None = None
    unit_price: str | None = None
    amount: str | None = None


class Returns(Section):
    """Which lines are returns, besides those of negative amount."""

    when: Expr | None = None


class Transactions(Source):
    """The order log."""

    columns: TransactionColumns
    exact_duplicates: Literal["keep", "drop"] = "keep"
    set_aside: dict[str, Expr] = {}
    """Reason -> condition on the raw row. Rows without a customer, or with a price <= 0, are always set aside."""
    returns: Returns = Returns()


class EventColumns(Section):
    """Which column is what; `n` counts the events of a row (default 1)."""

    customer_id: str
    occurred_at: str
    kind: str
    n: str | None = None


class Events(Source):
    """Sessions, views, clicks, wishlist and cart adds, campaign responses."""

    columns: EventColumns
    kinds: dict[str, str] = {kind: kind for kind in ENGAGEMENT_KINDS}
    """The log's word -> Holdfast's word. Other kinds are set aside."""

    @model_validator(mode="after")
    def _known(self) -> "Events":
        for kind in self.kinds.values():
            if kind not in ENGAGEMENT_KINDS:
                raise StudyError(f"[events.kinds] maps to '{kind}'", fix=nearest(kind, ENGAGEMENT_KINDS), value=kind)
        return self


class CustomerColumns(Section):
    """Which column is what. Without `known_from`, attributes count as known from the first day, said in the report."""

    customer_id: str
    known_from: str | None = None


class Customers(Source):
    """Attributes of customers: numbers and words that a model may use."""

    columns: CustomerColumns
    attributes: list[str] = Field(min_length=1)


class TreatmentColumns(Section):
    """Which column is what."""

    customer_id: str
    occurred_at: str
    campaign: str
    treated: str
    propensity: str | None = None
    cost: str | None = None


class Treatments(Source):
    """What was done to whom, and who was held out."""

    columns: TreatmentColumns


class SnapshotColumns(Section):
    """Which column names the customer."""

    customer_id: str


class SnapshotLabels(Section):
    """The outcome, as a column or an expression over columns; `value` may be missing."""

    churned: Expr
    value: Expr | None = None


class Snapshot(Source):
    """One row per customer, already aggregated. It cannot be backtested in time."""

    columns: SnapshotColumns
    as_of: DayText
    labels: SnapshotLabels
    derived: dict[str, Expr] = {}
    """Name -> formula over the given columns, added as features."""
    hidden_from_churn: list[str] = []
    hidden_from_value: list[str] = []
    test_share: float = Field(0.2, gt=0, lt=1)
    cross_validation_folds: int = Field(5, ge=2, le=20)


class Task(Section):
    """What both models share."""

    horizon_days: Horizon = 90
    algorithm: str = "auto"
    """"auto": the best of `candidates` by a proper score on the validation fold."""
    candidates: list[str] = ["lightgbm"]
    parameters: Parameters = {}
    """Passed to the named algorithm."""

    @model_validator(mode="after")
    def _known(self) -> "Task":
        for name in (*self.candidates, *([] if self.algorithm == "auto" else [self.algorithm])):
            if name not in ALGORITHMS:
                raise StudyError(f"there is no algorithm '{name}'", fix=nearest(name, ALGORITHMS), value=name)
        if self.parameters and self.algorithm == "auto":
            raise StudyError("parameters need a named algorithm", fix='set algorithm = "lightgbm", say')
        return self


class Churn(Task):
    """What leaving means here, and how it is learnt."""

    kind: Literal["non-contractual", "contractual"] = "non-contractual"
    eligible: str = "bought in the last 365 days"
    threshold: Share = 0.5
    """Above it a customer counts as predicted to churn in precision, recall and F1."""
    calibrate: bool = True

    @model_validator(mode="after")
    def _readable(self) -> "Churn":
        eligible_days(self.eligible)
        return self


class Value(Task):
    """What a customer is worth, and how it is learnt."""

    horizon_days: Horizon = 180
    margin_rate: Share = 1.0
    discount_rate_per_year: float = Field(0.0, ge=0, le=10)


class Segments(Section):
    """Value tier x risk.

    `risk` weighs signals (columns of the features, or churn_probability), each scaled to 0..1 over the customer base.
    """

    value_tiers: tuple[Share, Share] = (0.33, 0.67)
    high_risk_rank: Share = 0.75
    risk: dict[str, Annotated[float, Field(ge=0)]] = {
        "churn_probability": 0.4, "days_since_last_purchase": 0.3, "cart_abandon_rate": 0.3,
    }  # fmt: skip


class Recovery(Section):
    """What keeping one segment would cost and bring: an assumption until an experiment says otherwise."""

    cost: Amount
    rate: Share


class Backtest(Section):
    """Which cutoffs are learnt from and which are proved on."""

    cutoffs: list[DayText] = []
    """Test cutoffs; empty: the last `count`, a horizon apart, as far as the history allows."""
    count: int = Field(3, ge=1, le=52)
    step_days: int = Field(30, ge=1, le=365)
    min_history_days: int = Field(90, ge=1, le=3650)
    max_training_cutoffs: int = Field(12, ge=1, le=60)


class Explain(Section):
    """Up to `every_customer_up_to`, each customer is explained; above it, those at risk."""

    every_customer_up_to: int = Field(100_000, ge=0)
    reasons: int = Field(5, ge=1, le=20)


DEFAULT_ACTIONS: dict[str, list[str]] = {
    "Champion": ["Invite to the loyalty programme", "Early access to new products", "Ask for a referral"],
    "At-Risk VIP": ["Call or write personally this week", "Offer a reason to return", "Ask what went wrong"],
    "Promising": ["Recommend what goes with the last order", "Offer free delivery above the usual basket"],
    "Vulnerable": ["Send a time-limited offer", "Remind of saved items", "Ask for feedback"],
    "Hibernating": ["Keep in the newsletter", "Show new arrivals once a season"],
    "Losing Customer": ["One low-cost win-back mail", "Then stop spending"],
}


class Study(Section):
    """Everything a run depends on besides the data.

    Exactly one of `transactions` (an order log) and `snapshot` (one row per customer) is given.
    """

    name: str = Field(min_length=1, max_length=80)
    currency: str = Field("USD", pattern="^[A-Z]{3}$")
    minor_digits: int = Field(2, ge=0, le=4)
    """Decimals of the currency: 2 for USD, 0 for JPY."""
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    horizons_days: list[Horizon] = [30, 90, 180, 365]
    seed: int = Field(42, ge=0, lt=2**31)
    project_dir: str = Field(".", exclude=True)
    """Where relative paths start and runs/ lies: the folder of holdfast.toml. Not part of the fingerprint."""

    transactions: Transactions | None = None
    events: Events | None = None
    customers: Customers | None = None
    treatments: Treatments | None = None
    snapshot: Snapshot | None = None
    churn: Churn = Churn()
    value: Value = Value()
    segments: Segments = Segments()
    recovery: dict[str, Recovery] = {
        "At-Risk VIP": Recovery(cost=50, rate=0.45),
        "Vulnerable": Recovery(cost=25, rate=0.35),
        "Losing Customer": Recovery(cost=5, rate=0.15),
    }
    actions: dict[str, list[str]] = DEFAULT_ACTIONS
    backtest: Backtest = Backtest()
    explain: Explain = Explain()
    acknowledge: list[str] = []
    """Findings that are known and accepted, by name."""

    @model_validator(mode="after")
    def _consistent(self) -> "Study":
        if (self.transactions is None) == (self.snapshot is None):
            raise StudyError("a study needs exactly one of [transactions] and [snapshot]", fix="keep one of them")
        for name in self.recovery:
            if name not in AT_RISK_SEGMENTS:
                raise StudyError(f"[recovery] names '{name}'", fix=nearest(name, AT_RISK_SEGMENTS), value=name)
        for name in self.actions:
            if name not in SEGMENT_NAMES:
                raise StudyError(f"[actions] names '{name}'", fix=nearest(name, SEGMENT_NAMES), value=name)
        if not self.segments.value_tiers[0] < self.segments.value_tiers[1]:
            raise StudyError(f"value_tiers {self.segments.value_tiers} do not rise", fix="write [0.33, 0.67]")
        return self

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the study's content, 64 hex digits."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def all_horizons(self) -> tuple[int, ...]:
        """Every horizon a label is needed for, in order."""
        return tuple(sorted({*self.horizons_days, self.churn.horizon_days, self.value.horizon_days}))

    @classmethod
    def from_toml(cls, path: str | Path, *, overrides: Mapping[str, str] | None = None) -> "Study":
        """Read a study.

        Parameters
        ----------
        overrides
            Dotted key -> value as TOML writes it; what is not TOML is taken as a word: {"churn.horizon_days": "60"}.

        Raises
        ------
        StudyError
            The file cannot be read, or a key or value in it is wrong.
        """
        path = Path(path)
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise StudyError(f"there is no {path}", fix="write one with `holdfast init`, or name it with -c") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise StudyError(f"{path} cannot be read: {error}", fix="correct the file") from None
        for key, value in (overrides or {}).items():
            _override(raw, key, value)
        return cls.from_dict({**raw, "project_dir": str(path.parent)})

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Study":
        """Build a study from plain values, laid out as in holdfast.toml."""
        head = raw.get("study", {})
        if not isinstance(head, Mapping):
            raise StudyError("[study] is not a table", fix="write [study] on a line of its own")
        try:
            return cls.model_validate({**head, **{key: value for key, value in raw.items() if key != "study"}})
        except ValidationError as error:
            raise _explained(error) from None


def _override(raw: dict[str, Any], key: str, value: str) -> None:
    *parents, last = key.split(".")
    place = raw.setdefault("study", {}) if not parents and key in Study.model_fields else raw
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise StudyError(f"--set {key}: '{parent}' is a value, not a table", fix="name a key below a table")
    try:
        place[last] = tomllib.loads(f"v = {value}")["v"]
    except tomllib.TOMLDecodeError:
        place[last] = value


def _explained(error: ValidationError) -> StudyError:
    problems = [_problem(dict(detail)) for detail in error.errors()]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return StudyError(problems[0][0] + more, fix=problems[0][1], problems=[problem for problem, _ in problems])


def _problem(detail: dict[str, Any]) -> tuple[str, str]:
    where = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"the study has no key '{where}'", nearest(str(detail["loc"][-1]), _keys_at(detail["loc"][:-1]))
    message = detail["msg"][0].lower() + detail["msg"][1:]
    return f"{where or 'study'}: {message} (found {detail['input']!r:.80})", "correct it"


def _keys_at(location: tuple[str | int, ...]) -> list[str]:
    section: Any = Study
    for part in location:
        field = section.model_fields.get(part) if hasattr(section, "model_fields") else None
        section = _section_in(field.annotation) if field is not None else None
    return [key for key in section.model_fields if key != "project_dir"] if section is not None else []


def _section_in(annotation: Any) -> Any:
    options = [annotation, *getattr(annotation, "__args__", ())]
    return next((a for a in options if isinstance(a, type) and issubclass(a, BaseModel)), None)
