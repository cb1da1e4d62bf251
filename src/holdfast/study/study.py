"""The study as a whole, read from holdfast.toml."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from holdfast.errors import StudyError, nearest
from holdfast.findings import fatal_names
from holdfast.study.acquisition import Acquisition
from holdfast.study.alerts import Alert, AlertRoute, check_alerts
from holdfast.study.conversion import Conversion
from holdfast.study.currencies import minor_digits
from holdfast.study.fingerprint import fingerprint_of
from holdfast.study.messages import Messages
from holdfast.study.monitor import Monitor
from holdfast.study.offers import Offer, Plan
from holdfast.study.sections import Horizon, Section, require_known, require_shallow, too_deep
from holdfast.study.settings import (
    AT_RISK_SEGMENTS,
    DEFAULT_ACTIONS,
    SEGMENT_NAMES,
    Backtest,
    Calendar,
    Campaigns,
    Check,
    Engine,
    Explain,
    Features,
    Privacy,
    Recovery,
    Schedule,
    Segments,
    Webhook,
)
from holdfast.study.snapshot_source import SnapshotSource
from holdfast.study.sources import Customers, Events, Transactions, Treatments
from holdfast.study.stream import Stream
from holdfast.study.tasks import (
    SEQUENCE,
    Churn,
    SequenceParameters,
    Value,
)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise StudyError(
            f"time_zone {name!r} is not known", fix="write it as Europe/London or UTC"
        ) from None
    return name


class Study(Section):
    """Everything a run depends on besides the data.

    Exactly one of `transactions` (an order log) and `snapshot` (one row per customer) is given.
    """

    name: str = Field(min_length=1, max_length=80)
    """Of the study, shown in the report."""
    currency: str = Field("USD", pattern="^[A-Z]{3}$")
    """ISO 4217 code."""
    minor_digits: int = Field(2, ge=0, le=4)
    """Decimals of the currency; without it, as the currency has: 2 for USD, 0 for JPY, 3 for
    KWD.
    """
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    """Of the business: it decides on which day an order falls."""
    horizons_days: list[Horizon] = [30, 90, 180, 365]
    """Target windows for which outcomes are recorded."""
    seed: int = Field(42, ge=0, lt=2**31)
    """Same study, data and seed: same tables."""
    project_dir: str = Field(".", exclude=True)
    """Where relative paths start and runs/ lies: the folder of holdfast.toml. Not part of the
    fingerprint.
    """

    transactions: Transactions | None = None
    events: Events | None = None
    customers: Customers | None = None
    treatments: Treatments | None = None
    conversion: Conversion | None = None
    """[currency] of holdfast.toml."""
    snapshot: SnapshotSource | None = None
    acquisition: Acquisition | None = None
    calendar: Calendar | None = None
    churn: Churn = Churn()
    value: Value = Value()
    segments: Segments = Segments()
    recovery: dict[str, Recovery] = {}
    """At-risk segment -> what keeping its customers costs and brings. Without it no run says what
    a campaign would bring: nobody's costs are assumed."""
    actions: dict[str, list[str]] = DEFAULT_ACTIONS
    """Segment -> what to do."""
    features: Features = Features()
    backtest: Backtest = Backtest()
    explain: Explain = Explain()
    check: Check = Check()
    privacy: Privacy | None = None
    engine: Engine = Field(Engine(), exclude=True)
    """What a run may use of the machine, and what works on it. Not part of the fingerprint: no
    figure depends on it, but for a sample of customers that models are learnt from.
    """
    monitor: Monitor = Monitor()
    """When a published run no longer holds, and when a new one may not take its place."""
    campaigns: Campaigns = Campaigns()
    """What holds for every campaign."""
    webhook: Webhook | None = Field(None, exclude=True)
    """Where an audience may be pushed. Not part of the fingerprint: no figure depends on it."""
    offers: dict[str, Offer] = {}
    """Name -> what it costs and brings."""
    plan: Plan = Plan()
    """How much there is to give."""
    schedule: Schedule = Field(Schedule(), exclude=True)
    """Which runs stay. Not part of the fingerprint: no figure depends on it."""
    messages: Messages | None = Field(None, exclude=True)
    """Who is told of each run. Not part of the fingerprint: no figure depends on it."""
    stream: Stream | None = Field(None, exclude=True)
    """Events as they happen. Not part of the fingerprint: no figure depends on it."""
    alert: list[Alert] = Field([], exclude=True)
    """Rules of live monitoring, [[alert]] each. Not part of the fingerprint: no figure depends on
    them."""
    alert_route: list[AlertRoute] = Field([], exclude=True)
    """Where they are told, [[alert_route]] each. Not part of the fingerprint either."""
    acknowledge: list[str] = []
    """Fatal findings that are known and accepted, by name."""

    @model_validator(mode="before")
    @classmethod
    def _fit_to_currency(cls, given: Any) -> Any:
        """Fill in what is left out and depends on the currency."""
        code = given.get("currency", "USD") if isinstance(given, Mapping) else None
        if not isinstance(code, str):
            return given
        return {"minor_digits": minor_digits(code), **given}

    def _check(self) -> None:
        if (self.transactions is None) == (self.snapshot is None):
            raise StudyError(
                "a study needs exactly one of [transactions] and [snapshot]", fix="keep one of them"
            )
        if self.snapshot is not None and self.calendar is not None:
            raise StudyError(
                "a snapshot has no days for a [calendar]", fix="drop it, or give the order log"
            )
        for name in self.recovery:
            require_known(name, AT_RISK_SEGMENTS, f"[recovery] names '{name}'")
        self._check_sequence()
        self._check_margins()
        self._check_offers()
        self._check_addresses()
        check_alerts(self.alert, self.alert_route)
        for name in self.actions:
            require_known(name, SEGMENT_NAMES, f"[actions] names '{name}'")
        for name in self.acknowledge:
            fatal = fatal_names()
            if name not in fatal:
                fixes = dict.fromkeys([nearest(name, fatal), f"known: {', '.join(fatal)}"])
                raise StudyError(
                    f"acknowledge names '{name}', which is no fatal finding", fix=" ".join(fixes)
                )
        if not self.segments.value_tiers[0] < self.segments.value_tiers[1]:
            raise StudyError(
                f"value_tiers {self.segments.value_tiers} do not rise", fix="write [0.33, 0.67]"
            )

    def _check_sequence(self) -> None:
        if self.snapshot is not None and self.asks_for_sequence:
            raise StudyError(
                f"a snapshot has no days for the algorithm '{SEQUENCE}'",
                fix="give the order log, or choose another algorithm",
            )
        named = [
            task.of_sequence for task in (self.churn, self.value) if task.algorithm == SEQUENCE
        ]
        if len(named) > 1 and named[0] != named[1]:
            raise StudyError(
                f"churn.parameters and value.parameters of '{SEQUENCE}' differ, and one network is "
                "learnt for both",
                fix="write the same in both",
            )

    def _check_addresses(self) -> None:
        hidden = self.privacy is not None and self.privacy.pseudonymise
        if hidden and self.customers is not None and self.customers.columns.of_address:
            raise StudyError(
                "an address beside a pseudonym would say who it is",
                fix="drop email and phone from [customers.columns], or privacy.pseudonymise",
            )

    def _check_margins(self) -> None:
        named = bool(self.transactions and self.transactions.columns.category)
        if named != bool(self.value.margin_by_category):
            raise StudyError(
                "transactions.columns.category and value.margin_by_category need each other",
                fix="name the column, and write [value.margin_by_category] with a rate for each "
                "category; or drop both",
            )
        if self.acquisition is None:
            return
        attributes = self.customers.attributes if self.customers else []
        if self.transactions is None:
            raise StudyError(
                "a snapshot does not say when a customer was won", fix="drop [acquisition]"
            )
        require_known(
            self.acquisition.channel,
            attributes,
            f"acquisition.channel '{self.acquisition.channel}' is none of customers.attributes",
        )

    def _check_offers(self) -> None:
        offer_of: dict[str, str] = {}
        for name, offer in self.offers.items():
            for campaign in offer.campaigns:
                if offer_of.setdefault(campaign, name) != name:
                    raise StudyError(
                        f"the campaign '{campaign}' is named by two offers, '{offer_of[campaign]}' "
                        f"and '{name}'",
                        fix="name it by the offer that it made",
                    )

    @property
    def asks_for_sequence(self) -> bool:
        """Whether a network is to join the pool of either task."""
        return self.churn.asks_for_sequence or self.value.asks_for_sequence

    @property
    def sequence(self) -> SequenceParameters:
        """How the network of both tasks is trained."""
        return (self.churn if self.churn.algorithm == SEQUENCE else self.value).of_sequence

    @property
    def offer_of_campaign(self) -> dict[str, str]:
        """Past campaign -> the offer that names it."""
        return {name: offer for offer, terms in self.offers.items() for name in terms.campaigns}

    def __repr__(self) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in self._facts().items())
        return f"<Study {self.name!r}: {facts}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """For a notebook: its main facts."""
        # A study is read before anything needs tables.
        import polars as pl

        from holdfast.tables import notebook_html

        rows = [{"key": name, "value": value} for name, value in self._facts().items()]
        return notebook_html(f"Study {self.name}", pl.DataFrame(rows))

    def _facts(self) -> dict[str, str]:
        source = self.snapshot or self.transactions
        kind = "snapshot" if self.snapshot else "order log"
        where = getattr(source, "path", None) or "a query"
        facts = {kind: str(where), "currency": self.currency, "time zone": self.time_zone}
        if self.snapshot is None:
            facts["churn"] = f"{self.churn.horizon_days} days"
            facts["value"] = f"{self.value.horizon_days} days"
            facts["eligible"] = self.churn.eligible
        return facts

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the study's content, 64 hex digits."""
        return fingerprint_of(self)

    @property
    def has_line_margins(self) -> bool:
        """Whether the order log says more of margins than the one rate of the study."""
        return self.transactions is not None and self.transactions.columns.has_margin

    @property
    def all_horizons(self) -> tuple[int, ...]:
        """Every horizon a label is needed for, in order."""
        return tuple(
            sorted({*self.horizons_days, self.churn.horizon_days, self.value.horizon_days})
        )

    @classmethod
    def from_toml(cls, path: str | Path, *, overrides: Mapping[str, str] | None = None) -> "Study":
        """Read a study.

        Parameters
        ----------
        overrides
            Dotted key -> value as TOML writes it; what is not TOML is taken as a word:
            {"churn.horizon_days": "60"}.

        Raises
        ------
        StudyError
            The file cannot be read, or a key or value in it is wrong.
        """
        path = Path(path)
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise StudyError(
                f"there is no {path}", fix="write one with `holdfast init`, or name it with -c"
            ) from None
        except RecursionError:
            raise too_deep(str(path)) from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise StudyError(f"{path} cannot be read: {error}", fix="correct the file") from None
        for key, value in (overrides or {}).items():
            _override(raw, key, value)
        return cls.from_dict({**raw, "project_dir": str(path.parent)})

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Study":
        """Build a study from plain values, laid out as in holdfast.toml."""
        require_shallow(raw)
        head = raw.get("study", {})
        if not isinstance(head, Mapping):
            raise StudyError("[study] is not a table", fix="write [study] on a line of its own")
        try:
            return cls.model_validate(
                {**head, **{_field(key, raw): raw[key] for key in raw if key != "study"}}
            )
        except ValidationError as error:
            raise to_study_error(error) from None


def _field(key: str, raw: Mapping[str, Any]) -> str:
    # [currency] is a table beside the key of [study], and a class has one field of a name.
    return "conversion" if key == "currency" and isinstance(raw[key], Mapping) else key


def _override(raw: dict[str, Any], key: str, value: str) -> None:
    dotted = f"study.{key}" if key in Study.model_fields else key
    *parents, last = dotted.split(".")
    place = raw
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise StudyError(
                f"--set {key}: '{parent}' is a value, not a table", fix="name a key below a table"
            )
    try:
        place[last] = tomllib.loads(f"v = {value}")["v"]
    except RecursionError:
        raise too_deep(f"--set {key}") from None
    except tomllib.TOMLDecodeError:
        place[last] = value


def to_study_error(error: ValidationError, *, within: tuple[str, ...] = ()) -> StudyError:
    """What pydantic found in the study, or in a table `within` it, as people say it."""
    problems = [_problem(dict(detail, loc=(*within, *detail["loc"]))) for detail in error.errors()]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return StudyError(
        problems[0][0] + more, fix=problems[0][1], problems=[problem for problem, _ in problems]
    )


def _problem(detail: dict[str, Any]) -> tuple[str, str]:
    place = ["currency" if part == "conversion" else str(part) for part in detail["loc"]]
    where = ".".join(place)
    if detail["type"] == "extra_forbidden":
        return f"the study has no key '{where}'", nearest(
            str(detail["loc"][-1]), _keys_at(detail["loc"][:-1])
        )
    message = detail["msg"][0].lower() + detail["msg"][1:]
    fix = "correct it"
    if detail["type"].startswith("byte_size"):
        message, fix = "it is no amount of memory", 'write a number with its unit, "2 GB" say'
    return f"{where or 'study'}: {message} (found {detail['input']!r:.80})", fix


def _keys_at(location: tuple[str | int, ...]) -> list[str]:
    section: Any = Study
    for part in location:
        if isinstance(part, int):  # A place in a list: its section was taken from the list's type.
            continue
        field = getattr(section, "model_fields", {}).get(part)
        section = _section_in(field.annotation) if field is not None else None
    return [key for key in getattr(section, "model_fields", ()) if key != "project_dir"]


def _section_in(annotation: Any) -> Any:
    options = [annotation, *getattr(annotation, "__args__", ())]
    return next((a for a in options if isinstance(a, type) and issubclass(a, BaseModel)), None)
