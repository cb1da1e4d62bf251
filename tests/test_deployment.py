"""What the images are built of is there, and no secret is in what compose shows or git keeps."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))

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
    modules = {"vl-convert-python": "vl_convert", "scikit-learn": "sklearn"}
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
    assert not [value for value in shown.values() if "PASSWORD" in value or "://" in value]


@pytest.mark.parametrize(
    "name", [".env", "shop/keys.json", "secrets/postgres_password", "shop/.streamlit/secrets.toml"]
)
def test_git_keeps_no_secret(name: str) -> None:
    done = subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT, check=False)
    assert done.returncode == 0
