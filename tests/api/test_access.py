"""Nobody gets in without a key, and nobody further than the key's role."""

import errno
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts
from tests.api.conftest import client_of
from tests.api.harness import Api

from holdfast.api.app import application
from holdfast.api.routes import UNMATCHED, Routes
from holdfast.errors import InputError, MachineError, RunError
from holdfast.storage.keys import KeyFile

ROLES = ("reader", "operator", "admin")
ROUTES = Routes(application())
PUBLIC = {"/health", "/ready"}


def every_route() -> list[tuple[str, str]]:
    """All of the application's routes, documentation and machinery included."""
    routes = iter_route_contexts(application().routes)
    return [
        (method, str(route.path))
        for route in routes
        for method in sorted(route.methods or ())
        if method != "HEAD"
    ]


def path_of(template_path: str) -> str:
    return template_path.replace("{customer_id:path}", "C0001").replace(
        "{run_id}", "20260101T000000Z-00000001"
    )


def test_the_routes_are_all_found() -> None:
    found = dict.fromkeys(path for _, path in every_route())
    assert {"/docs", "/openapi.json", "/metrics", "/predict", "/rollback", "/keys"} <= set(found)
    assert len(found) >= 20
    assert all(ROUTES.find(path_of(path)) != UNMATCHED for path in found)


@pytest.fixture
def guarded(project: Path, keys: dict[str, str]) -> Api:
    return client_of(project)


@pytest.mark.parametrize(("method", "path"), every_route(), ids=lambda value: value)
def test_every_route_is_closed_to_whoever_may_not(
    guarded: Api, keys: dict[str, str], method: str, path: str
) -> None:
    url, needed = path_of(path), ROUTES.find(path_of(path)).role(method)
    with guarded as api:
        if path in PUBLIC:
            assert needed is None
            assert api.request(method, url).status_code == 200
            return
        assert needed is not None
        for headers in (
            {},
            {"authorization": "Bearer hf_00000000_wrong"},
            {"x-api-key": keys["admin"][:-1]},
        ):
            refused = api.request(method, url, headers=headers)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"]
        for role in ROLES:
            status = api.request(
                method, url, headers={"authorization": f"Bearer {keys[role]}"}
            ).status_code
            allowed = ROLES.index(role) >= ROLES.index(needed)
            assert (status not in (401, 403)) if allowed else (status == 403), (role, status)


def test_an_unknown_route_tells_nothing_without_a_key(guarded: Api) -> None:
    with guarded as api:
        assert api.get("/secret").status_code == 401


def test_changes_need_an_operator_and_keys_an_admin() -> None:
    assert ROUTES.find("/rollback").role("POST") == "operator"
    assert ROUTES.find("/anything").role("DELETE") == "operator"
    assert ROUTES.find("/predict").role("POST") == "reader"
    assert ROUTES.find("/keys").role("GET") == "admin"


def test_a_revoked_key_is_refused_at_once_and_its_last_use_is_known(
    project: Path, keys: dict[str, str]
) -> None:
    headers = {"authorization": f"Bearer {keys['reader']}"}
    with client_of(project) as api:
        assert api.get("/segments", headers=headers).status_code == 200
        KeyFile(project).revoke(keys["reader"].split("_")[1])
        assert api.get("/segments", headers=headers).status_code == 401
    used = {key.role: key.last_used_at for key in KeyFile(project).keys().values()}
    assert used["reader"] is not None
    assert used["admin"] is None


def test_a_browser_may_send_the_key_as_a_password_but_only_to_read(
    project: Path, keys: dict[str, str]
) -> None:
    with client_of(project) as api:
        assert api.get("/docs", auth=("anyone", keys["reader"])).status_code == 200
        assert api.post("/rollback", auth=("anyone", keys["operator"])).status_code == 401


def test_without_keys_only_this_machine_may_ask_even_through_a_browser(published: Path) -> None:
    with client_of(published) as api:
        assert api.get("/segments").status_code == 200
        assert api.get("/segments", headers={"host": "evil.example"}).status_code == 403
        assert api.post("/rollback", headers={"origin": "https://evil.example"}).status_code == 403
    with client_of(published, loopback=False) as api:
        assert api.get("/segments").status_code == 401


@pytest.mark.parametrize(
    "header",
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"],
)
def test_without_keys_nobody_may_ask_through_a_proxy(api: Api, header: str) -> None:
    refused = api.get("/segments", headers={header: "203.0.113.9"})
    assert refused.status_code == 403
    assert "came through a proxy" in refused.json()["detail"]
    assert "holdfast keys create" in refused.json()["fix"]


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost:8000", "http://localhost:8000", 404),
        ("127.0.0.1:8000", "http://127.0.0.1:8000", 404),
        ("[::1]:8000", "http://[::1]:8000", 404),
        ("LOCALHOST:8000", "http://localhost:8000", 404),
        ("localhost:8000", "http://localhost:3000", 403),
        ("localhost:8000", "http://localhost", 403),
        ("localhost:8000", "http://127.0.0.1:8000", 403),
        ("localhost:8000", "null", 403),
        ("localhost:1@evil.example", None, 403),
        ("localhost:1@evil.example", "http://localhost:1@evil.example", 403),
        ("localhost.evil.example", None, 403),
        ("localhost:8000/x", None, 403),
        ("evil.example#localhost", None, 403),
    ],
)
def test_without_keys_a_page_of_another_port_or_name_changes_nothing(
    api: Api, host: str, origin: str | None, status: int
) -> None:
    headers = {"host": host} | ({"origin": origin} if origin else {})
    path = "/runs/20260101T000000Z-ffffffff/promote"
    assert api.post(path, headers=headers).status_code == status


def test_without_keys_a_page_that_the_operator_named_may_ask(project: Path) -> None:
    with client_of(project, cors_origins=("http://localhost:3000",)) as api:
        headers = {"host": "localhost:8000", "origin": "http://localhost:3000"}
        assert api.get("/segments", headers=headers).status_code == 200


def test_keys_that_vanish_let_nobody_in_and_new_ones_open_again(
    project: Path, keys: dict[str, str]
) -> None:
    with client_of(project) as api:
        assert api.get("/segments").status_code == 401
        (project / "keys.json").unlink()
        for headers in ({}, {"authorization": f"Bearer {keys['admin']}"}):
            refused = api.get("/segments", headers=headers)
            assert refused.status_code == 409
            assert "keys.json is gone" in refused.json()["detail"]
    with client_of(project) as api:  # started anew, it has never seen them
        assert api.get("/segments").status_code == 409
        text, _ = KeyFile(project).create(role="reader", name="new")
        assert api.get("/segments", headers={"x-api-key": text}).status_code == 200
        assert api.get("/segments").status_code == 401


def test_an_emptied_key_file_lets_nobody_in(project: Path, keys: dict[str, str]) -> None:
    with client_of(project) as api:
        (project / "keys.json").write_text("[]", encoding="utf-8")
        assert api.get("/segments").status_code == 401


def test_revoking_a_key_that_never_was_locks_nobody_out(project: Path) -> None:
    with pytest.raises(InputError, match="no key '00000000'"):
        KeyFile(project).revoke("00000000")
    with client_of(project) as api:
        assert api.get("/segments").status_code == 200


def test_a_first_key_that_could_not_be_written_locks_nobody_out(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("holdfast.storage.keys.replace_file", refuse)
        with pytest.raises(MachineError, match="the disk is full"):
            KeyFile(project).create(role="reader", name="a")
    assert KeyFile(project).keys() == {}
    KeyFile(project).create(role="reader", name="a")
    (project / "keys.json").unlink()
    with monkeypatch.context() as patch:
        patch.setattr("holdfast.storage.keys.replace_file", refuse)
        with pytest.raises(MachineError, match="the disk is full"):
            KeyFile(project).create(role="reader", name="b")
    with pytest.raises(RunError, match=r"keys\.json is gone"):
        KeyFile(project).keys()


def test_what_a_killed_writer_left_of_the_keys_is_removed(project: Path) -> None:
    (project / ".keys.json-4711").write_text("[", encoding="utf-8")
    KeyFile(project).create(role="reader", name="a")
    assert sorted(path.name for path in project.glob(".keys*")) == [".keys.lock"]


@pytest.mark.parametrize("header", ["x-api-key", "authorization", "idempotency-key", "host"])
def test_a_header_that_counts_may_not_come_twice(
    project: Path, keys: dict[str, str], header: str
) -> None:
    both = [(header, f"Bearer {keys['reader']}"), (header, f"Bearer {keys['admin']}")]
    with client_of(project) as api:
        refused = api.get("/segments", headers=both)
    assert refused.status_code == 400
    assert refused.json()["detail"] == f"the header {header} is given more than once"


def test_keys_are_not_in_their_file(project: Path, keys: dict[str, str]) -> None:
    text = (project / "keys.json").read_text(encoding="utf-8")
    assert all(key.split("_", 2)[2] not in text for key in keys.values())
    assert (project / "keys.json").stat().st_mode & 0o777 == 0o600


def test_a_damaged_key_file_lets_nobody_in(project: Path, keys: dict[str, str]) -> None:
    with client_of(project) as api:
        (project / "keys.json").write_text("[{", encoding="utf-8")
        refused = api.get("/segments", headers={"authorization": f"Bearer {keys['admin']}"})
    assert refused.status_code == 409
    assert "keys.json cannot be read" in refused.json()["detail"]
