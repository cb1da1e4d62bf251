"""No input breaks the server, and none of it reaches the logs."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import FEATURES, client_of, posted
from tests.api.harness import Api

from holdfast.api.limits import RateLimit, read_rate
from holdfast.api.problems import Refused
from holdfast.errors import InputError

BAD_BODIES: list[tuple[str, bytes, int]] = [
    ("NaN", b'{"Frequency": NaN}', 422),
    ("Infinity", b'{"Frequency": -Infinity}', 422),
    ("a number beyond doubles", b'{"Frequency": 1e999}', 422),
    ("an integer beyond 64 bits", b'{"Frequency": 9223372036854775808}', 422),
    ("an endless integer", b'{"Frequency": ' + b"9" * 5_000 + b"}", 400),
    ("a lone surrogate", rb'{"Plan": "\ud800"}', 422),
    ("a lone surrogate in bytes", b'{"Plan": "\xed\xa0\x80"}', 422),
    ("a lone surrogate as a name", rb'{"\udfff": 1}', 422),
    ("half a text", b'{"Frequency"', 400),
    ("not UTF-8", b'{"Plan": "\xff\xfe\xfa"}', 400),
    ("nothing", b"", 400),
    ("a text of zeros", b"\x00" * 100, 400),
    ("100,000 brackets", b"[" * 100_000, 422),
    ("100,000 objects in each other", b'{"a":' * 100_000, 422),
    ("nested nine deep", b"[" * 9 + b"]" * 9, 422),
    ("a long word", json.dumps({**FEATURES, "Plan": "x" * 2_000}).encode(), 422),
]


@pytest.mark.parametrize(
    "path", ["/predict", "/predict?reasons=true", "/predict/batch", "/simulate/recovery"]
)
@pytest.mark.parametrize(
    ("body", "status"), [b[1:] for b in BAD_BODIES], ids=[b[0] for b in BAD_BODIES]
)
def test_a_bad_body_is_refused_with_its_reason(
    api: Api, path: str, body: bytes, status: int
) -> None:
    refused = posted(api, path, body)
    too_large = path == "/simulate/recovery" and len(body) > 64 * 1024
    assert refused.status_code in ((413,) if too_large else (status, 422))
    assert refused.json()["detail"]
    assert refused.json()["request_id"] == refused.headers["x-request-id"]


def test_a_large_body_is_refused_by_its_length_and_by_its_bytes(api: Api) -> None:
    sizes: list[int] = []

    async def endless() -> Any:
        while True:
            sizes.append(2**16)
            yield b" " * 2**16

    declared = posted(api, "/predict", b" " * (4 * 2**20 + 1))
    assert declared.status_code == 413
    assert declared.headers["connection"] == "close"
    counted = api.post("/predict", content=endless(), headers={"content-type": "application/json"})
    assert counted.status_code == 413
    assert sum(sizes) < 5 * 2**20


def test_a_slow_body_is_refused(published: Path) -> None:
    async def dawdling() -> Any:
        import asyncio

        yield b"{"
        await asyncio.sleep(3)
        yield b"}"

    with client_of(published, body_seconds=0.2) as api:
        assert api.post("/predict", content=dawdling()).status_code == 408


def test_forms_are_no_json(api: Api) -> None:
    kinds = ("multipart/form-data; boundary=x", "text/plain", "application/xml")
    assert {
        api.post("/predict", content=b"{}", headers={"content-type": k}).status_code for k in kinds
    } == {415}


def test_every_answer_has_security_headers_and_the_request_id(api: Api) -> None:
    for path in ("/predict/C0001", "/docs", "/nowhere", "/customers?limit=0"):
        headers = api.get(path, headers={"x-request-id": "mine-1"}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-request-id"] == "mine-1"
        assert "access-control-allow-origin" not in headers
    assert "\n" not in api.get("/health", headers={"x-request-id": "a b"}).headers["x-request-id"]


def test_a_site_may_ask_only_if_it_is_named(project: Path, keys: dict[str, str]) -> None:
    with client_of(project, cors_origins=("https://shop.example",)) as api:
        headers = {"authorization": f"Bearer {keys['reader']}"}
        named = api.get("/segments", headers={**headers, "origin": "https://shop.example"}).headers
        other = api.get("/segments", headers={**headers, "origin": "https://evil.example"}).headers
    assert named["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-origin" not in other


def test_a_key_that_asks_too_often_is_told_when_to_come_back(published: Path) -> None:
    with client_of(published, rate="3/minute") as api:
        statuses = [api.get("/predict/C0001").status_code for _ in range(3)]
        refused = api.get("/predict/C0001")
        assert api.get("/health").status_code == 200
    assert statuses == [200] * 3
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60


def test_several_workers_together_hold_the_rate(published: Path) -> None:
    workers = [client_of(published, rate="6/minute", workers=2) for _ in range(2)]
    statuses = []
    for worker in workers:
        with worker as api:
            statuses += [api.get("/segments").status_code for _ in range(5)]
    assert statuses.count(200) == 6
    assert statuses.count(429) == 4


def test_a_new_window_starts_the_count_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000_020.0
    monkeypatch.setattr("holdfast.api.limits.time.time", lambda: now)
    limit = RateLimit("2/minute")
    for _ in range(2):
        limit.check("a")
    limit.check("b")
    with pytest.raises(Refused) as refused:
        limit.check("a")
    assert refused.value.headers == {"retry-after": "60"}
    now += 60
    limit.check("a")


@pytest.mark.parametrize("rate", ["", "fast", "-1/minute", "5/weeks", "5", "1.5/second"])
def test_what_is_no_rate_is_refused(rate: str) -> None:
    with pytest.raises(InputError, match="is no rate"):
        read_rate(rate)


@pytest.mark.parametrize(("rate", "workers"), [("0/second", 1), ("3/minute", 4)])
def test_a_rate_that_leaves_nothing_to_a_worker_is_refused(rate: str, workers: int) -> None:
    with pytest.raises(InputError, match=f"leaves nothing to each of {workers} workers"):
        read_rate(rate, workers=workers)


def test_nobodys_data_reaches_the_logs(published: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with client_of(published) as api:
        answers = [
            api.get("/predict/C0042"),
            api.get("/customers/C0042?x=C0042"),
            api.get("/customers", params={"text": "C0042"}),
            api.get("/C0042/nowhere"),
            posted(api, "/predict", {**FEATURES, "customer_id": "C0042", "Plan": "C0042"}),
            posted(api, "/predict", {"C0042": 1}),
            posted(api, "/predict", {"customer_id": "C0042", "orders": [{"occurred_at": "C0042"}]}),
        ]
    asked = {answer.headers["x-request-id"] for answer in answers}
    # An application that another test keeps open writes its own lines here too.
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    lines = [line for line in lines if line.get("request_id") in asked]
    assert [line["event"] for line in lines] == ["request"] * 7
    assert "C0042" not in json.dumps(lines)
    assert {"request_id", "route", "status", "ms", "key_id", "run_id"} <= set(lines[0])


def test_a_defect_is_told_by_its_place_and_not_by_its_message(
    published: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("C0042 is in here")

    monkeypatch.setattr("holdfast.api.fast_path.answer_by_id", broken)
    with client_of(published) as api:
        refused = api.get("/predict/C0042")
    assert refused.status_code == 500
    said = capfd.readouterr().err
    assert "ZeroDivisionError" in said
    assert "C0042" not in said + refused.text


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (OSError(errno.ENOSPC, "No space left", "/data/secret"), 507, "the disk is full"),
        (OSError(errno.EROFS, "Read-only", "/data/secret"), 503, "the file system is read-only"),
        (PermissionError(errno.EACCES, "No", "/data/secret"), 503, "permission is denied"),
        (OSError(errno.EMFILE, "Too many", "/data/secret"), 503, "too many files are open"),
        (MemoryError(), 503, "the memory is not enough"),
        (OSError("of no number"), 500, "something went wrong here"),
    ],
)
@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("holdfast.api.fast_path.answer_by_id", "/predict/C0042"),
        ("holdfast.api.served.Served.table", "/segments"),
        ("holdfast.storage.keys.KeyFile.keys", "/predict/C0042"),
    ],
)
def test_what_the_machine_refuses_is_a_problem_that_says_what_to_do(
    published: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    detail: str,
    place: str,
    path: str,
) -> None:
    def refuse(*_: object) -> None:
        raise error

    with client_of(published) as api:
        monkeypatch.setattr(place, refuse)
        refused = api.get(path)
        monkeypatch.undo()
    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["detail"] == detail
    assert refused.json()["fix"]
    assert "secret" not in refused.text
    asked = refused.headers["x-request-id"]
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    (failure,) = [f for f in lines if f.get("request_id") == asked and f["event"] == "failure"]
    assert failure["kind"] == type(error).__name__
    assert any("refuse" in at for at in failure["places"])
    assert "secret" not in json.dumps(lines)


MANY = {f"k{i}": 1 for i in range(20_000)}


@pytest.mark.parametrize(
    ("path", "body", "status", "detail"),
    [
        ("/predict", {**FEATURES, **MANY}, 422, "columns are given, which is more than 1,0"),
        ("/predict", {"features": MANY}, 422, "columns are given, which is more than 1,0"),
        ("/predict", {"k" * 600_000: 1}, 413, "larger than 524,288 bytes"),
        ("/predict?reasons=true", {"k" * 600_000: 1}, 413, "larger than 524,288 bytes"),
        ("/predict", {"orders": [{}], **MANY}, 422, "the body has 20,001 problems"),
        ("/predict", {"orders": [MANY]}, 422, "the body has 20,001 problems"),
        ("/simulate/recovery", MANY, 413, "larger than 65,536 bytes"),
        ("/rollback", MANY, 413, "larger than 65,536 bytes"),
    ],
)
def test_many_names_are_refused_before_any_is_looked_at(
    api: Api, path: str, body: Any, status: int, detail: str
) -> None:
    refused = posted(api, path, body)
    assert refused.status_code == status
    assert detail in refused.json()["detail"]
    assert len(refused.content) < 1_000


def test_a_name_of_any_length_is_repeated_by_its_beginning_only(api: Api) -> None:
    batch = posted(api, "/predict/batch", {"customers": [{"k" * 4_000: 1}] * 50})
    assert batch.json()["n_errors"] == 50
    assert len(batch.content) < 50 * 1_000


def test_a_large_body_counts_as_several_requests_and_as_more_where_it_is_refused() -> None:
    limit = RateLimit("100/minute")
    for _ in range(4):
        limit.check("a", size=24 * 16 * 1024)  # 25 each
    with pytest.raises(Refused):
        limit.check("a")
    limit.check("b", size=10 * 16 * 1024)  # 11, and 30 more
    limit.count_refused("b", size=10 * 16 * 1024)
    for _ in range(59):
        limit.check("b")
    with pytest.raises(Refused):
        limit.check("b")
    limit.count_refused("c", size=2**30)
    with pytest.raises(Refused):
        limit.check("c")


@pytest.mark.parametrize(
    "cursor", ["x", "W10=", "bnVsbA==", "WyJhIiwiYiIsMSwiYyJd", "é", "A" * 1_999]
)
def test_a_cursor_that_is_none_is_refused(api: Api, cursor: str) -> None:
    assert api.get("/customers", params={"cursor": cursor}).status_code in (409, 422)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=99999999",
        "sort=secret",
        "min_value=nan",
        "segment=Best",
        "fields=nothing",
        "colour=red",
    ],
)
def test_a_query_that_means_nothing_is_refused(api: Api, query: str) -> None:
    assert api.get(f"/customers?{query}").status_code == 422
