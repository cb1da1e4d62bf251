"""What every table of the study is made of."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from holdfast.errors import StudyError, nearest
from holdfast.expressions import parse
from holdfast.windows import parse_day

_DEEPEST = 20


def _expression(text: str) -> str:
    parse(text)
    return text


def _day(text: str) -> str:
    parse_day(text)
    return text


def _as_text(day: object) -> object:
    return day.isoformat() if isinstance(day, date) else day


def require_known(word: str, choices: Sequence[str], problem: str) -> None:
    """Raise StudyError, which names the nearest known word, where `word` is none of them."""
    if word not in choices:
        raise StudyError(problem, fix=nearest(word, choices), value=word)


Expr = Annotated[str, AfterValidator(_expression)]
DayText = Annotated[str, BeforeValidator(_as_text), AfterValidator(_day)]
"""YYYY-MM-DD, as a text or as a date of TOML."""
Horizon = Annotated[int, Field(ge=1, le=3650)]
Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Parameters = dict[str, bool | int | float | str | None]


class Section(BaseModel):
    """A table of the study: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="after")
    def _require_sound(self) -> Self:
        self._check()
        return self

    def _check(self) -> None:
        """Raise StudyError where the keys do not go together."""


def require_shallow(raw: Mapping[str, Any]) -> None:
    """Refuse lists and tables that are nested more deeply than any key of a study.

    Raises
    ------
    StudyError
        They are.
    """
    level: list[Any] = [raw]
    for _ in range(_DEEPEST):
        groups = [each.values() if isinstance(each, Mapping) else each for each in level]
        level = [each for group in groups for each in group if isinstance(each, Mapping | list)]
        if not level:
            return
    raise too_deep("the study")


def too_deep(where: str) -> StudyError:
    """The error where lists or tables are nested too deeply."""
    return StudyError(
        f"{where} has lists or tables nested more than {_DEEPEST} levels deep",
        fix="no key of a study is nested so deeply: correct it",
    )
