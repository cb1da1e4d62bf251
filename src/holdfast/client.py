"""A typed client of the REST API.

>>> from holdfast.client import Client
>>> with Client("http://127.0.0.1:8000", key="hf_...") as holdfast:   # doctest: +SKIP
...     holdfast.predict("CUST00001")["churn_risk"]
'🟢 LOW'

Every answer is the JSON object that the API documents; a problem is raised as `ProblemError`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from time import sleep
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NotRequired, Self, TypedDict, cast
from urllib.parse import quote

from holdfast.errors import HoldfastError, MissingExtra

if TYPE_CHECKING:
    import httpx

JSON = dict[str, Any]
_SILENT_SECONDS = 60.0
"""A feed that sends not even a heartbeat for so long is dead."""
_RECONNECT_SECONDS = 3.0
Segment = Literal[
    "Champion", "At-Risk VIP", "Promising", "Vulnerable", "Hibernating", "Losing Customer"
]


class Stamp(TypedDict):
    """What every answer carries."""

    run_id: str
    cutoff_day: int
    model_version: str
    scored_at: str


class Prediction(Stamp):
    """One customer."""

    customer_id: str
    churn_probability: float
    churn_risk: str
    predicted_ltv: float | None
    ltv_tier: Literal["Low", "Mid", "High"] | None
    ltv_not_estimated: NotRequired[str]
    risk_score: float
    risk_rank: float
    segment: Segment
    actions: list[str]
    currency: str
    cutoff_date: str
    evidence: NotRequired[str]
    reasons: NotRequired[list[JSON]]
    horizons: NotRequired[list[JSON] | None]
    warnings: NotRequired[list[str]]


class BatchItem(TypedDict):
    """One customer of a batch: an answer or an error."""

    index: int
    answer: NotRequired[Prediction]
    error: NotRequired[JSON]


class ProblemError(HoldfastError):
    """The API refused; `status`, `problem`, `fix` and `request_id` say why and what to do."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        what, fix = str(problem.get("detail", problem)), str(problem.get("fix", ""))
        super().__init__(what, fix=fix, **problem.get("parts", {}))
        self.status = int(problem.get("status", 0))
        self.request_id = str(problem.get("request_id", ""))


class Client:
    """One server.

    Parameters
    ----------
    url
        Where `holdfast serve` listens.
    key
        Made by `holdfast keys create`; none for a server on this machine that has no keys.
    transport
        Another way to send requests, for tests.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = 30.0,
        transport: "httpx.BaseTransport | None" = None,
    ) -> None:
        try:
            import httpx
        except ImportError:
            raise MissingExtra("client", needed_for="holdfast.client") from None
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(
            base_url=url, headers=headers, timeout=timeout, transport=transport
        )

    def predict(
        self, customer_id: str, *, reasons: bool = False, horizons: bool = False
    ) -> Prediction:
        """One customer of the run."""
        path = f"/predict/{_quote(customer_id)}"
        return cast(Prediction, self._get(path, **_flags(reasons=reasons, horizons=horizons)))

    def predict_features(
        self, features: Mapping[str, Any], *, reasons: bool = False, horizons: bool = False
    ) -> Prediction:
        """A customer by features: a snapshot's columns, or a log's features."""
        params = _flags(reasons=reasons, horizons=horizons)
        return cast(Prediction, self._post("/predict", dict(features), params=params))

    def predict_history(
        self, customer_id: str, orders: Sequence[Mapping[str, Any]], **more: Any
    ) -> Prediction:
        """A customer by raw orders and, as `more`, events, treatments, attributes and as_of; and
        reasons and horizons, as `predict_features` takes them.
        """
        flags = {name: more.pop(name) for name in ("reasons", "horizons") if name in more}
        body = {"customer_id": customer_id, "orders": list(orders), **more}
        return self.predict_features(body, **flags)

    def predict_batch(
        self, customers: Sequence[Mapping[str, Any]], *, horizons: bool = False
    ) -> list[BatchItem]:
        """Up to 1,000 customers by features; each has an answer or an error."""
        body = {"customers": list(customers)}
        answer = self._post("/predict/batch", body, params=_flags(horizons=horizons))
        return cast(list[BatchItem], answer["answers"])

    def customer(self, customer_id: str) -> JSON:
        """Everything about one customer."""
        return self._get(f"/customers/{_quote(customer_id)}")

    def customers(self, **query: Any) -> Iterator[JSON]:
        """Every customer that the query (segment, tier, risk, min_value, text, sort, ...) asks for,
        page by page.
        """
        return self._pages("/customers", "customers", query)

    def changes(self, customer_id: str | None = None, **query: str) -> JSON:
        """Why scores changed since the run before, or since another: of a customer, or of all and
        each segment; `query` is since and segment.
        """
        path = "/changes" if customer_id is None else f"/customers/{_quote(customer_id)}/changes"
        return self._get(path, **query)

    def segments(self) -> JSON:
        """Every segment, its rule and the assumed recovery."""
        return self._get("/segments")

    def simulate_recovery(self, segments: Mapping[str, Mapping[str, float]], **more: float) -> JSON:
        """Recovery under other costs and rates, with ranges."""
        return self._post(
            "/simulate/recovery", {"segments": {k: dict(v) for k, v in segments.items()}, **more}
        )

    def campaigns(self) -> JSON:
        """What past campaigns did, and what is believed of each offer."""
        return self._get("/campaigns")

    def plan(self, *, limit: int = 100, **terms: Any) -> JSON:
        """Who gets which offer, by budget, contacts, holdout_share and offers."""
        return self._post(f"/plan?limit={limit}", terms)

    def draw_experiment(
        self, campaign: str, *, idempotency_key: str | None = None, **terms: Any
    ) -> JSON:
        """Draw and record the arms of a campaign, by holdout_share, segments, size and offer."""
        body = {"campaign": campaign, **terms}
        return self._post("/experiments", body, token=idempotency_key)

    def alerts(self, **query: Any) -> Iterator[JSON]:
        """Every alert that the query (state, rule, segment, severity, customer_id) asks for, page
        by page.
        """
        return self._pages("/alerts", "alerts", query)

    def alert(self, alert_id: int) -> JSON:
        """One alert, with the messages about it."""
        return cast(JSON, self._get(f"/alerts/{alert_id}")["alert"])

    def close_alert(
        self, alert_id: int, note: str = "", *, idempotency_key: str | None = None
    ) -> JSON:
        """Close an open alert; returns it."""
        answer = self._post(f"/alerts/{alert_id}/close", {"note": note}, token=idempotency_key)
        return cast(JSON, answer["alert"])

    def follow_alerts(self, after: str | None = None) -> Iterator[JSON]:
        """Alerts as they open and close, for ever, each with `event_id` and `transition`; cut off,
        it goes on where it was. `after` is the `event_id` of the last one read.
        """
        import httpx

        while True:
            try:
                for event in self._read_events(after):
                    after = event["event_id"]
                    yield event
            except httpx.TransportError:
                pass
            except ProblemError as problem:
                if problem.status != 503 or after is None:
                    raise
            sleep(_RECONNECT_SECONDS)

    def send_events(
        self, events: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> int:
        """Hand over up to 1,000 events, rows by the study's own names of columns; returns how many
        were accepted.
        """
        body = {"events": [dict(event) for event in events]}
        return int(self._post("/events", body, token=idempotency_key)["accepted"])

    def stream_status(self) -> JSON:
        """How live monitoring is doing."""
        return self._get("/stream/status")

    def evidence(self) -> JSON:
        """How good the predictions proved."""
        return self._get("/evidence")

    def monitor(self) -> JSON:
        """Whether the published run still holds."""
        return self._get("/monitor")

    def forecast(self, kind: Literal["company", "cohort", "segment"] = "company") -> JSON:
        """Expected revenue and purchases by week."""
        return self._get("/forecast", kind=kind)

    def channels(self) -> JSON:
        """What customers of each channel cost and leave."""
        return self._get("/channels")

    def features(self) -> list[JSON]:
        """What the models read."""
        return cast(list[JSON], self._get("/features")["features"])

    def runs(self) -> list[JSON]:
        """Every published run, newest first."""
        return cast(list[JSON], self._get("/runs")["runs"])

    def compare_runs(self, run_id: str, other: str) -> JSON:
        """Two runs side by side, the earlier one first."""
        return self._get(f"/runs/{_quote(run_id)}/compare/{_quote(other)}")

    def promote(self, run_id: str, *, idempotency_key: str | None = None) -> str:
        """Publish a run; returns its id."""
        return str(
            self._post(f"/runs/{_quote(run_id)}/promote", None, token=idempotency_key)["champion"]
        )

    def rollback(self, *, idempotency_key: str | None = None) -> str:
        """Go back to the run that was published before; returns its id."""
        return str(self._post("/rollback", None, token=idempotency_key)["champion"])

    def ready(self) -> JSON:
        """Whether it can answer, and whether something is wrong."""
        return self._get("/ready")

    def _pages(self, path: str, name: str, query: Mapping[str, Any]) -> Iterator[JSON]:
        cursor: dict[str, str] = {}
        while True:
            page = self._get(path, **query, **cursor)
            yield from page[name]
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}

    def _read_events(self, after: str | None) -> Iterator[JSON]:
        """One connection's server-sent events."""
        headers = {"Last-Event-ID": after} if after else {}
        event: dict[str, str] = {}
        with self._http.stream(
            "GET", "/stream/alerts", headers=headers, timeout=_SILENT_SECONDS
        ) as response:
            if not response.is_success:
                response.read()
                _read(response)
            for line in response.iter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    event[name] = value
                elif "data" in event:
                    yield {"event_id": event["id"], **json.loads(event["data"])}
                    event = {}

    def _get(self, path: str, **params: Any) -> JSON:
        return _read(self._http.get(path, params=params))

    def _post(
        self, path: str, body: JSON | None, *, params: JSON | None = None, token: str | None = None
    ) -> JSON:
        headers = {"Idempotency-Key": token} if token else {}
        return _read(self._http.post(path, json=body, params=params, headers=headers))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()


def _flags(**flags: bool) -> JSON:
    return {name: "true" for name, value in flags.items() if value}


def _quote(text: str) -> str:
    return quote(text, safe="")


def _read(response: "httpx.Response") -> JSON:
    if response.is_success:
        return cast(JSON, response.json())
    try:
        raise ProblemError(response.json())
    except ValueError:
        raise ProblemError(
            {"status": response.status_code, "detail": f"HTTP {response.status_code}"}
        ) from None
