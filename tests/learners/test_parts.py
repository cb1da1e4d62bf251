"""Parts: a dataclass of models becomes files and comes back, whatever it holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import pytest

from holdfast.btyd import ParetoNBD
from holdfast.learners.parts import InFile, Part, Saved, rebuild


class Knot(NamedTuple):
    name: str
    places: tuple[int, ...] | None


@dataclass(frozen=True)
class Scale:
    floor: float
    years: tuple[int, ...]


@dataclass(frozen=True)
class Leaf(Saved):
    FILE = "leaf.json"
    text: Annotated[str, InFile("leaf.txt")]
    knots: Annotated[tuple[Knot, ...], InFile("knots.json")]
    scale: Scale | None = None
    level: float = 1.0


@dataclass(frozen=True)
class Twig(Saved):
    FILE = "twig.json"
    length: int


@dataclass(frozen=True)
class Tree(Saved):
    FILE = "tree.json"
    own: Annotated[Twig | Leaf, Part()]
    years: Annotated[Mapping[int, Leaf], Part("year-")]
    other: Annotated[Twig | None, Part("other-")] = None
    late: Annotated["Twig | None", Part("late-", kind="holdfast.learners.linear:Scaling")] = None
    horizon_days: int | None = None


LEAF = Leaf("a\nb", (Knot("ä", (1, 2)), Knot("n", None)), Scale(0.5, (1, 2)))


def test_each_field_goes_to_its_place_and_comes_back() -> None:
    parts = LEAF.parts()
    assert parts == {
        "leaf.json": b'{"scale": {"floor": 0.5, "years": [1, 2]}, "level": 1.0}',
        "leaf.txt": b"a\nb",
        "knots.json": '[["ä", [1, 2]], ["n", null]]'.encode(),
    }
    assert Leaf.from_parts(parts) == LEAF


def test_models_lie_beside_under_their_prefix_and_key() -> None:
    tree = Tree(LEAF, {30: LEAF, 7: LEAF}, other=Twig(3))
    parts = tree.parts()
    assert {
        "tree.json",
        "leaf.txt",
        "year-7-leaf.txt",
        "year-30-knots.json",
        "other-twig.json",
    } <= set(parts)
    assert len(parts) == 1 + 3 + 6 + 1
    again = Tree.from_parts(parts)
    assert again == tree
    assert list(again.years) == [7, 30]


def test_of_a_union_the_model_whose_file_is_there_is_rebuilt() -> None:
    assert rebuild(Twig | Leaf, LEAF.parts()) == LEAF
    assert rebuild(Twig | Leaf, Twig(1).parts()) == Twig(1)
    assert rebuild(Twig | None, LEAF.parts()) is None
    with pytest.raises(KeyError, match="no file"):
        rebuild(Twig, LEAF.parts())


def test_what_an_earlier_version_did_not_write_has_its_default() -> None:
    parts = {**LEAF.parts(), "leaf.json": b"{}"}
    assert Leaf.from_parts(parts) == Leaf(LEAF.text, LEAF.knots)


def test_a_buying_model_is_kept_as_its_parameters() -> None:
    @dataclass(frozen=True)
    class Counts(Saved):
        FILE = "counts.json"
        pareto_nbd: ParetoNBD

    model = ParetoNBD.from_parameters(r=1.0, alpha=2.0, s=3.0, beta=4.0)
    parts = Counts(model).parts()
    assert (
        parts["counts.json"] == b'{"pareto_nbd": {"r": 1.0, "alpha": 2.0, "s": 3.0, "beta": 4.0}}'
    )
    assert Counts.from_parts(parts).pareto_nbd.parameters_ == model.parameters_
