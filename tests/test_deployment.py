"""What the images are built of is there, and no secret is in what compose shows or git keeps."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
COMMANDS = {
    name: service["command"][2].replace("$$", "$")
    for name, service in COMPOSE["services"].items()
    if service.get("command", [""])[0] == "sh"
}
"""Service -> the shell script that it runs."""

SLIM = """
import importlib.abc, sys
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {removed!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
import {names}
"""


def test_what_serving_imports_is_there_without_what_the_image_leaves_out() -> None:
    text = (ROOT / "docker" / "api.Dockerfile").read_text(encoding="utf-8")
    (names,) = re.findall(r'python -c "import ([\w., ]+)"', text)
    (left_out,) = re.findall(r"uninstall --yes --quiet ([\w -]+)", text)
    modules = {
        "vl-convert-python": "vl_convert", "scikit-learn": "sklearn", "nats-py": "nats",
        "confluent-kafka": "confluent_kafka",
    }  # fmt: skip
    removed = {modules.get(name, name) for name in left_out.split()}
    code = SLIM.format(removed=removed, names=names)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", list(COMPOSE["services"]))
def test_each_service_is_held_and_has_no_password_in_its_environment(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["read_only"]
    shown = service.get("environment", {})
    assert not [key for key in shown if "PASSWORD" in key and not key.endswith("_FILE")]
    secret = re.compile(r"PASSWORD|password=|://\S*@")
    assert not [value for value in shown.values() if secret.search(value)]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_each_command_is_a_script_that_a_shell_and_python_can_read(name: str) -> None:
    done = subprocess.run(["sh", "-n", "-c", COMMANDS[name]], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    for code in re.findall(r'python -c "(.*?)"', COMMANDS[name], re.DOTALL):
        compile(code, name, "exec")


@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_is_run_inside_a_container_finds_the_password_in_a_file_of_its_user_alone(
    name: str, tmp_path: Path
) -> None:
    secret, written = tmp_path / "secret", tmp_path / "pgpass"
    secret.write_text("a:b\\c/@d\n", encoding="utf-8")
    first = COMMANDS[name].splitlines()[0].replace("/run/secrets/postgres_password", str(secret))
    subprocess.run(["sh", "-c", first], env={**os.environ, "PGPASSFILE": str(written)}, check=True)
    assert written.read_text(encoding="utf-8") == "*:*:*:*:a\\:b\\\\c/@d\n"
    assert written.stat().st_mode & 0o777 == 0o600
    environment = COMPOSE["services"][name]["environment"]
    assert environment["PGPASSFILE"].startswith("/tmp/")
    assert environment["HOLDFAST_POSTGRES_DSN"] == "host=postgres dbname=shop user=holdfast"


@pytest.mark.parametrize(
    "name", [".env", "shop/keys.json", "secrets/postgres_password", "shop/.streamlit/secrets.toml"]
)
def test_git_keeps_no_secret(name: str) -> None:
    done = subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT, check=False)
    assert done.returncode == 0


def test_a_worker_makes_stream_and_state_at_its_first_start_and_goes_on_at_the_next(
    tmp_path: Path,
) -> None:
    (tmp_path / "shop" / "runs").mkdir(parents=True)
    (tmp_path / "shop" / "runs" / "champion").touch()
    (tmp_path / "secret").write_text("word\n", encoding="utf-8")
    _write_program(
        tmp_path / "bin" / "holdfast",
        'echo "$1 $2" >> calls\n'
        'case "$2" in status) [ -f state ];; init) touch state;; run) exit 0;; esac',
    )
    _write_program(tmp_path / "bin" / "python", "echo python >> calls")
    script = COMMANDS["worker"].replace("/run/secrets/postgres_password", "secret")
    environment = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "PGPASSFILE": "pgpass"}
    for calls in (["stream status", "python", "stream init"], ["stream status"]):
        (tmp_path / "calls").unlink(missing_ok=True)
        subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environment, check=True, timeout=60)
        made = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
        assert made == [*calls, "stream run"]


def _write_program(path: Path, script: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
