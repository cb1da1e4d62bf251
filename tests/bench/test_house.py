from pathlib import Path

import pytest
from bench._house_names import is_bare_participle
from bench._house_source import lines_of_code
from bench.house import House, figures, places, read_house, rooms

LAYERS = """
[[tool.importlinter.contracts]]
name = "Upper may import lower"
type = "layers"
containers = ["fake"]
layers = ["top", "left | right", "(absent)", "base"]
ignore_imports = ["fake.base.tolerated -> fake.*"]
"""
FILES = {
    "pyproject.toml": LAYERS,
    "src/fake/__init__.py": '_HOMES = {"public": "fake.top.public"}\n',
    "src/fake/base/__init__.py": "from fake.base.handed_on import hand_on\n",
    "src/fake/base/handed_on.py": "def hand_on() -> int:\n    return 1\n",
    "src/fake/base/climber.py": "from fake.top import public\n",
    "src/fake/base/tolerated.py": "from fake.top import public\n",
    "src/fake/left.py": "from fake.right import judge\n\n\ndef written(found: int) -> int:\n"
    "    known = judge()\n    return found + known\n",
    "src/fake/right.py": "def judge() -> int:\n    from fake.left import written\n\n"
    "    return written(1)\n",
    "src/fake/top/__init__.py": "",
    "src/fake/top/public.py": "from fake.top import round_about\n\npublic = round_about\n",
    "src/fake/top/round_about.py": '"""Back."""\n\nfrom fake.top.public import public\n\n'
    "# A comment.\nx = [\n    1,\n    2,\n]\n",
    "src/fake/top/untested.py": "def _kept_out() -> None: ...\n\n\nclass Order:\n    @property\n"
    "    def quarantined(self) -> bool:\n        return True\n",
    "src/fake/top/named.py": "x = 1\n",
    "tests/test_base.py": "from fake.base import hand_on\nimport fake as f\n\nassert f.public\n",
    "tests/top/test_named.py": f"long = '{'x' * 100}'\n",
    "tests/test_rest.py": "import fake.left\nimport fake.base.climber\n"
    "import fake.base.tolerated\n",
}


@pytest.fixture
def house(tmp_path: Path) -> House:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return read_house(tmp_path, "fake")


def test_every_planted_fault_is_counted(house: House) -> None:
    values = {figure.name: (figure.value, figure.holds) for figure in figures(house)}
    assert values["import circles"] == (1, False)
    assert values["imports against the layers"] == (3, False)
    assert values["functions named by a bare participle"] == (2, False)
    assert values["locals and parameters with a vague name"] == (2, False)
    assert values["modules without a test, also one import away"] == (1, False)
    assert values["longest line, characters"] == (109, False)
    assert values["files in the largest folder"] == (5, True)


def test_every_planted_fault_is_placed(house: House) -> None:
    assert list(places(house)) == [
        "src/fake/left.py:4: written is a bare participle",
        "src/fake/top/untested.py:1: _kept_out is a bare participle",
        "src/fake/left.py:4: found says nothing of what it holds",
        "src/fake/left.py:5: known says nothing of what it holds",
        "src/fake/top/untested.py: no test imports it or its importer",
        "import circle: fake.top.public, fake.top.round_about",
        "fake.base.climber:1: imports fake.top.public, which is above it",
        "fake.left:1: imports fake.right, which is above it",
        "fake.right:2: imports fake.left, which is above it",
        "tests/top/test_named.py:1: 109 characters",
    ]


def test_a_room_counts_code_however_its_lines_are_broken(house: House) -> None:
    values = {figure.name: figure.value for figure in rooms(house.modules)}
    assert values["top: files"] == 5
    # public 2, round_about 2 (its list fits on one line), untested 5, named 1.
    assert values["top: code lines"] == 10
    assert values["ground: files"] == 3


@pytest.mark.parametrize(
    "name", ["told", "_written", "how_proved", "held_out", "judged_by", "_not_checked"]
)
def test_a_participle_without_a_verb_is_bare(name: str) -> None:
    assert is_bare_participle(name)


@pytest.mark.parametrize(
    "name",
    [
        "with_contract",
        "is_acknowledged",
        "_nobody_is_lost",
        "drop_unused",
        "expected_purchases",
        "seed",
        "read",
    ],
)
def test_a_verb_or_a_noun_makes_a_name(name: str) -> None:
    assert not is_bare_participle(name)


def test_a_string_over_lines_is_code_and_a_docstring_is_not() -> None:
    text = '"""Doc."""\n\nx = """\n\n"""\n\n\ndef f():\n    """Doc."""\n    return 1  # one\n'
    assert lines_of_code(text) == {3, 4, 5, 8, 10}
