"""What people see of a stream: its alerts, how far it is, and what went wrong; one question a
function, each bounded, read from a connection that may be read-only.

Days are days since 1970 in the business's time zone, moments ISO 8601 in UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

Row = dict[str, Any]
EPISODE = """
    e.id, e.rule, e.customer_id, e.severity, e.owner, e.state, e.anchor_day, e.opened_day,
    e.opened_at, e.value_opened, e.value_now, e.reasons, e.action, e.closed_day, e.closed_at,
    e.close_reason, e.note, e.run_id, s.segment, s.value_tier, s.churn_probability, s.at_stake
"""
"""What is said of an alert; its customer's figures are those of now, null once out of reach."""
_EPISODES = "episodes AS e LEFT JOIN scores AS s USING (customer_id)"
_BODY_BYTES = 300


@dataclass(frozen=True, kw_only=True)
class EpisodeFilter:
    """Which alerts: open ones, the most at stake first; or closed ones, the latest first."""

    is_open: bool = True
    rule: str | None = None
    segment: str | None = None
    severity: str | None = None
    customer_id: str | None = None

    @property
    def condition(self) -> tuple[str, Row]:
        """SQL, and the values that it names."""
        columns = {
            "rule": "e.rule", "segment": "s.segment", "severity": "e.severity",
            "customer_id": "e.customer_id",
        }  # fmt: skip
        values = {name: getattr(self, name) for name in columns if getattr(self, name) is not None}
        is_open = f"e.closed_day IS {'' if self.is_open else 'NOT '}NULL"
        return " AND ".join(
            [is_open, *(f"{columns[name]} = %({name})s" for name in values)]
        ), values

    @property
    def order(self) -> str:
        """SQL of the number by which they are listed, the largest first."""
        at_stake, closed = "coalesce(s.at_stake, 0)", "extract(epoch FROM e.closed_at)"
        return f"CAST({at_stake if self.is_open else closed} AS double precision)"


@dataclass(frozen=True)
class Page:
    """Some alerts, and where the next page begins: the last one's place in the order and id; None
    at the end.
    """

    episodes: list[Row]
    following: tuple[float, int] | None


def list_episodes(
    connection: "Connection",
    wanted: EpisodeFilter,
    *,
    most: int,
    after: tuple[float, int] | None = None,
) -> Page:
    """One page of alerts; `after` is `following` of the page before."""
    condition, values = wanted.condition
    begin = "" if after is None else "WHERE (place, id) < (%(place)s, %(id)s)"
    place, last_id = after or (None, None)
    rows = fetch_rows(
        connection,
        f"""
        SELECT * FROM (SELECT {EPISODE}, {wanted.order} AS place FROM {_EPISODES}
                       WHERE {condition}) AS listed
        {begin} ORDER BY place DESC, id DESC LIMIT %(most)s
        """,
        {**values, "place": place, "id": last_id, "most": most + 1},
    )
    places = [row.pop("place") for row in rows]
    has_more = len(rows) > most
    return Page(rows[:most], (places[most - 1], rows[most - 1]["id"]) if has_more else None)


def find_episode(connection: "Connection", episode_id: int) -> Row | None:
    """One alert with the messages about it; None where there is none of that id."""
    rows = fetch_rows(
        connection, f"SELECT {EPISODE} FROM {_EPISODES} WHERE e.id = %(id)s", {"id": episode_id}
    )
    return {**rows[0], "messages": _messages(connection, [episode_id])} if rows else None


def sum_up_open(connection: "Connection", wanted: EpisodeFilter | None = None) -> Row:
    """How many alerts are open and were opened within a day, of how many customers, with how much
    at stake; whoever has two alerts counts once.
    """
    condition, values = (wanted or EpisodeFilter()).condition
    (row,) = fetch_rows(
        connection,
        f"""
        WITH customers AS (
            SELECT count(*) AS alerts, coalesce(max(s.at_stake), 0) AS at_stake,
                   count(*) FILTER (WHERE e.opened_at > now() - interval '1 day') AS new
            FROM {_EPISODES} WHERE {condition} GROUP BY e.customer_id)
        SELECT CAST(coalesce(sum(alerts), 0) AS bigint) AS alerts, count(*) AS customers,
               coalesce(sum(at_stake), 0) AS at_stake,
               CAST(coalesce(sum(new), 0) AS bigint) AS new_alerts,
               coalesce(sum(at_stake) FILTER (WHERE new > 0), 0) AS new_at_stake
        FROM customers
        """,
        values,
    )
    return row


def count_open(connection: "Connection") -> list[Row]:
    """Open alerts by rule, severity and segment (null: no longer scored), with what is at stake."""
    return fetch_rows(
        connection,
        f"""
        SELECT e.rule, e.severity, s.segment, count(*) AS alerts,
               coalesce(sum(s.at_stake), 0) AS at_stake
        FROM {_EPISODES} WHERE e.closed_day IS NULL
        GROUP BY e.rule, e.severity, s.segment ORDER BY e.rule, e.severity, s.segment
        """,
    )


def count_closed(connection: "Connection", *, days: int) -> list[Row]:
    """Alerts that were closed within so many days, by rule and reason; all persons are one."""
    return fetch_rows(
        connection,
        """
        SELECT rule, reason AS close_reason, count(*) AS alerts
        FROM episodes, LATERAL (SELECT CASE WHEN close_reason LIKE 'by %%' THEN 'by a person'
                                ELSE close_reason END AS reason) AS closed
        WHERE closed_at > now() - make_interval(days => %(days)s)
        GROUP BY rule, reason ORDER BY count(*) DESC, rule, reason
        """,
        {"days": days},
    )


def read_partitions(connection: "Connection") -> list[Row]:
    """How far each partition is: events that wait, messages that were read, the last step."""
    return fetch_rows(
        connection,
        """
        SELECT p.partition, p.lag, p.catching_up, p.updated_at,
               CAST(extract(epoch FROM now() - p.updated_at) AS double precision) AS silent_seconds,
               CAST(coalesce(l.messages, 0) AS bigint) AS messages
        FROM positions AS p
        LEFT JOIN (SELECT partition, sum(messages) AS messages FROM ledger GROUP BY partition) AS l
            USING (partition)
        ORDER BY p.partition
        """,
    )


def read_sweep(connection: "Connection") -> Row:
    """The last day of which customers were evaluated, and how many of all were; null before any."""
    (row,) = fetch_rows(
        connection,
        """
        SELECT max(evaluated_day) AS cutoff_day, count(*) AS customers,
               count(*) FILTER (WHERE evaluated_day = (SELECT max(evaluated_day) FROM customers))
                   AS evaluated,
               count(*) FILTER (WHERE dirty) AS waiting
        FROM customers
        """,
    )
    return row


def count_dead(connection: "Connection") -> list[Row]:
    """Messages that could not be understood and were not tried again, by reason."""
    return fetch_rows(
        connection,
        """
        SELECT reason, count(*) AS messages, max(received_at) AS latest_at,
               count(*) FILTER (WHERE received_at > now() - interval '1 day') AS new_messages
        FROM dead WHERE retried_at IS NULL GROUP BY reason ORDER BY count(*) DESC, reason
        """,
    )


def list_dead(connection: "Connection", *, most: int) -> list[Row]:
    """The latest of them, with the beginning of what they said."""
    rows = fetch_rows(
        connection,
        f"""
        SELECT id, partition, CAST(position AS text) AS position, reason, received_at,
               substring(body FROM 1 FOR {_BODY_BYTES}) AS body
        FROM dead WHERE retried_at IS NULL ORDER BY id DESC LIMIT %(most)s
        """,
        {"most": most},
    )
    return [row | {"body": (row["body"] or b"").decode(errors="replace")} for row in rows]


def count_deliveries(connection: "Connection") -> list[Row]:
    """Messages by route: sent within a day, waiting, of those the ones that failed before, and
    given up.
    """
    return fetch_rows(
        connection,
        """
        SELECT route, count(*) FILTER (WHERE sent_at > now() - interval '1 day') AS sent,
               count(*) FILTER (WHERE waits) AS waiting,
               count(*) FILTER (WHERE waits AND attempts > 0) AS failing,
               count(*) FILTER (WHERE failed_at IS NOT NULL) AS given_up,
               min(created_at) FILTER (WHERE waits) AS waiting_since,
               (array_agg(last_error ORDER BY id DESC)
                   FILTER (WHERE sent_at IS NULL AND last_error IS NOT NULL))[1] AS last_error
        FROM deliveries, LATERAL (SELECT sent_at IS NULL AND failed_at IS NULL AS waits) AS state
        GROUP BY route ORDER BY route
        """,
    )


def read_operator_log(connection: "Connection", *, most: int) -> list[Row]:
    """What the operator should know: the latest first."""
    return fetch_rows(
        connection,
        "SELECT at, kind, text FROM operator_log ORDER BY at DESC LIMIT %(most)s",
        {"most": most},
    )


def read_status(connection: "Connection") -> Row:
    """The whole stream in figures."""
    return {
        "at": fetch_rows(connection, "SELECT now() AS at")[0]["at"],
        "open": sum_up_open(connection),
        "alerts": count_open(connection),
        "closed_7_days": count_closed(connection, days=7),
        "partitions": read_partitions(connection),
        "sweep": read_sweep(connection),
        "dead": count_dead(connection),
        "deliveries": count_deliveries(connection),
        "operator_log": read_operator_log(connection, most=10),
    }


def read_timeline(connection: "Connection", customer_id: str, *, most: int = 50) -> Row | None:
    """What is known of one customer: the score of now (earlier ones are not kept), the latest days
    of activity, alerts and messages; None where the stream has never heard of them.
    """
    (row,) = fetch_rows(
        connection,
        """
        SELECT EXISTS (SELECT FROM customers WHERE customer_id = %(name)s)
            OR EXISTS (SELECT FROM episodes WHERE customer_id = %(name)s) AS known
        """,
        {"name": customer_id},
    )
    if not row["known"]:
        return None
    values = {"name": customer_id, "most": most}
    episodes = fetch_rows(
        connection,
        f"SELECT {EPISODE} FROM {_EPISODES} WHERE e.customer_id = %(name)s "
        "ORDER BY e.id DESC LIMIT %(most)s",
        values,
    )
    return {
        "customer_id": customer_id,
        "score": next(iter(fetch_rows(connection, _SCORE, values)), None),
        "days": fetch_rows(connection, _DAYS, values),
        "episodes": episodes,
        "messages": _messages(connection, [episode["id"] for episode in episodes]),
    }


_SCORE = """
    SELECT cutoff_day, run_id, churn_probability, expected_revenue, at_stake, value_tier, segment,
           evaluated_at
    FROM scores WHERE customer_id = %(name)s
"""
_DAYS = """
    SELECT d.day, d.n_orders, d.gross_minor, d.returns_minor, d.n_sessions, d.n_treatments,
           d.n_page_views + d.n_clicks + d.n_wishlist_adds + d.n_cart_adds
               + d.n_campaign_responses AS n_other
    FROM customer_days AS d JOIN customers AS c ON c.number = d.customer
    WHERE c.customer_id = %(name)s ORDER BY d.day DESC LIMIT %(most)s
"""


def _messages(connection: "Connection", episodes: Sequence[int]) -> list[Row]:
    """Those about some alerts, the latest first."""
    return fetch_rows(
        connection,
        """
        SELECT id, episode_id, transition, route, created_at, attempts, sent_at, failed_at,
               last_error
        FROM deliveries WHERE episode_id = ANY(%(episodes)s) ORDER BY id DESC LIMIT 100
        """,
        {"episodes": list(episodes)},
    )


def fetch_rows(
    connection: "Connection", sql: str, values: Mapping[str, Any] | None = None
) -> list[Row]:
    """The rows of a query, with moments as text."""
    from psycopg.rows import dict_row

    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(sql, values)
        return [{name: _as_plain(value) for name, value in row.items()} for row in cursor]


def _as_plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return value
