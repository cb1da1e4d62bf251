"""Alerts: which values of a customer somebody must hear of, and where they are told."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from holdfast.errors import StudyError
from holdfast.study.messages import Address, Link, Variable
from holdfast.study.sections import Expr, Section, require_known

CONTRIBUTION = "contribution:"
_MOST_COOLDOWN_DAYS = 3650

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Alert(Section):
    """A rule: an episode opens when a customer's value reaches `open`, and is closed when the
    customer buys, or when the value has been back beyond `close` for so many days.
    """

    name: Name
    """Small letters, digits, - and _."""
    when: str = "churn_probability"
    """What is watched: churn_probability, at_stake or another figure of the scores; a feature, or
    "contribution:FEATURE", what the feature adds to the customer's raw score of churn (SHAP).
    """
    open: Finite
    """The value at which an episode opens."""
    close: Finite
    """The value that must be left behind before an episode counts as recovered: `open` or, so that
    nothing flickers, further off.
    """
    close_after: int = Field(1, ge=1, le=365)
    """Business days in a row that must end beyond `close`."""
    direction: Literal["above", "below"] = "above"
    """Whether high values are alarming, or low ones."""
    only: Expr | None = None
    """Whom it is for: a condition over figures of the scores and features, "value_tier = 'high'"
    say.
    """
    cooldown_days: int = Field(0, ge=0, le=_MOST_COOLDOWN_DAYS)
    """After an episode that no purchase closed, days without another one of the same customer."""
    severity: Literal["info", "warning", "critical"] = "warning"
    """How grave it is."""
    owner: str = Field("", max_length=200)
    """Who sees to it."""
    note: str = Field("", max_length=1000)
    """What every message of the rule says besides."""
    runbook: Link = ""
    """Address of the page that says what to do."""
    to: list[Name] = []
    """Names of [[alert_route]]; without any, episodes are only recorded."""
    max_opened_per_hour: int = Field(50, ge=1)
    """Messages of opened episodes in an hour; those beyond it are recorded, and one message says
    how many.
    """

    @property
    def feature(self) -> str | None:
        """The feature whose contribution is watched; None where the value itself is."""
        is_contribution = self.when.startswith(CONTRIBUTION)
        return self.when.removeprefix(CONTRIBUTION) if is_contribution else None

    @property
    def sign(self) -> int:
        """1 where high values are alarming, -1 where low ones are."""
        return 1 if self.direction == "above" else -1

    def _check(self) -> None:
        if self.sign * self.close > self.sign * self.open:
            beyond = "at most" if self.direction == "above" else "at least"
            raise StudyError(
                f"the alert '{self.name}' closes at {self.close:g}, which is beyond its open "
                f"{self.open:g}",
                fix=f"write a close of {beyond} {self.open:g}, or another direction",
            )


class AlertRoute(Section):
    """A way by which messages about episodes leave."""

    name: Name
    """As [[alert]] names it."""
    kind: Literal["webhook", "slack", "email", "apprise"]
    """JSON, Slack's blocks, a mail, or any service that the library `apprise` reaches."""
    url: Variable
    """"${NAME}" of an environment variable with the address; of a mail, the server's:
    smtp://user:password@host:587 or smtps://.
    """
    to: list[Address] = Field([], max_length=50)
    """Who reads a mail."""
    sender: Address | None = None
    """Whom a mail is from."""
    allow: list[str] = []
    """Names or addresses of receivers inside your own network; any other private address is
    refused.
    """

    def _check(self) -> None:
        is_mail = self.kind == "email"
        if is_mail and not (self.to and self.sender):
            raise StudyError(
                f"the alert route '{self.name}' is a mail without readers or sender",
                fix='give to = ["name@example.com"] and sender = "name@example.com"',
            )
        if not is_mail and (self.to or self.sender):
            raise StudyError(
                f"the alert route '{self.name}' is no mail, and has readers or a sender",
                fix='drop to and sender, or write kind = "email"',
            )


def check_alerts(alerts: Sequence[Alert], routes: Sequence[AlertRoute]) -> None:
    """Hold the rules against the routes.

    Raises
    ------
    StudyError
        A name is given twice, or a rule names a route that is not there.
    """
    _require_distinct([alert.name for alert in alerts], "alert")
    _require_distinct([route.name for route in routes], "alert_route")
    names = [route.name for route in routes]
    for alert in alerts:
        for name in alert.to:
            if not names:
                raise StudyError(
                    f"the alert '{alert.name}' goes to '{name}', and there is no [[alert_route]]",
                    fix=f'write an [[alert_route]] with name = "{name}"',
                )
            require_known(name, names, f"the alert '{alert.name}' goes to '{name}', no alert_route")


def _require_distinct(names: Sequence[str], table: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise StudyError(
                f"two of [[{table}]] are called '{name}'", fix="give each a name of its own"
            )
