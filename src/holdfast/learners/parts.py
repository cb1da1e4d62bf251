"""Parts: the files that a dataclass of models becomes in a run's folder, and is rebuilt from.

A field annotated with `Part` is a model, whose files lie beside under a prefix; one annotated with
`InFile` has a file to itself; all others are the JSON of the dataclass.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pkgutil import resolve_name
from types import NoneType
from typing import Annotated, Any, ClassVar, Self, get_args, get_origin

from pydantic import TypeAdapter


@dataclass(frozen=True)
class Part:
    """A field that is a model, one of a union of models, or a mapping of models by key.

    Attributes
    ----------
    prefix
        What the names of its files start with: "buys-"; a mapping's key follows: "revenue-30-".
    kind
        "module:Class", imported where there is one to rebuild; None: the field's own type.
    """

    prefix: str = ""
    kind: str | None = None


@dataclass(frozen=True)
class InFile:
    """A field with a file of its own: text as it is, anything else as JSON."""

    name: str


@dataclass(frozen=True)
class Key:
    """A field that has another name in the JSON."""

    name: str


class Saved:
    """A dataclass that becomes files.

    >>> @dataclass
    ... class Line(Saved):
    ...     FILE = "line.json"
    ...     slope: float
    >>> Line(2.0).parts(), Line.from_parts({"line.json": b'{"slope": 3.0}'})
    ({'line.json': b'{"slope": 2.0}'}, Line(slope=3.0))
    """

    FILE: ClassVar[str] = ""
    """Its JSON, or another file by which it is known that there is one."""

    def parts(self) -> dict[str, bytes]:
        """The model as files, by name."""
        content: dict[str, Any] = {}
        files: dict[str, bytes] = {}
        for name, kind, place in _places(type(self)):
            value = getattr(self, name)
            if isinstance(place, Part):
                files |= _nested_files(value, place.prefix)
            elif isinstance(place, InFile):
                files[place.name] = value.encode() if kind is str else _json(value)
            else:
                content[place.name if isinstance(place, Key) else name] = value
        return {self.FILE: _json(content), **files} if content else files

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild what `parts` gave. Check the hashes first: a damaged file is not noticed here."""
        values: dict[str, Any] = {}
        plain = {}
        for name, kind, place in _places(cls):
            if isinstance(place, Part):
                values[name] = _nested_models(kind, place, parts)
            elif isinstance(place, InFile):
                text = parts[place.name].decode()
                values[name] = text if kind is str else _from_json(kind, json.loads(text))
            else:
                plain[place.name if isinstance(place, Key) else name] = name, kind
        content = json.loads(parts[cls.FILE]) if plain else {}
        # A run of an earlier version lacks the fields that came later.
        for key, raw in content.items():
            name, kind = plain[key]
            values[name] = _from_json(kind, raw)
        return cls(**values)


def rebuild(kind: Any, parts: Mapping[str, bytes]) -> Any:
    """The first of a union's models whose file is there; None where it may be missing."""
    kinds = get_args(kind) or (kind,)
    for one in kinds:
        if getattr(one, "FILE", None) in parts:
            return one.from_parts(parts)
    if NoneType in kinds:
        return None
    raise KeyError(f"no file of {kind}")


def _places(cls: Any) -> list[tuple[str, Any, object]]:
    """Each field's name, type and place."""
    places = []
    for field in fields(cls):
        annotated = get_origin(field.type) is Annotated
        kind, place = get_args(field.type) if annotated else (field.type, None)
        places.append((field.name, kind, place))
    return places


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=_plain).encode()


def _plain(value: Any) -> Any:
    """What JSON holds of a value: a fitted model's parameters, or its fields."""
    return value.parameters_ if hasattr(value, "parameters_") else asdict(value)


def _from_json(kind: Any, raw: Any) -> Any:
    """A field's value, its tuples, dataclasses and fitted models made again."""
    return _adapter(kind).validate_python(raw)


_adapter = cache(TypeAdapter)


def _nested_files(value: Any, prefix: str) -> dict[str, bytes]:
    models = (
        {f"{prefix}{key}-": model for key, model in value.items()}
        if isinstance(value, Mapping)
        else {prefix: value}
    )
    return {
        f"{start}{name}": data
        for start, model in models.items()
        if model is not None
        for name, data in model.parts().items()
    }


def _nested_models(kind: Any, place: Part, parts: Mapping[str, bytes]) -> Any:
    inside = _below(place.prefix, parts)
    if place.kind:
        return rebuild(resolve_name(place.kind), inside) if inside else None
    if get_origin(kind) is not Mapping:
        return rebuild(kind, inside)
    of_key, of_model = get_args(kind)
    keys = sorted({of_key(name.partition("-")[0]) for name in inside if "-" in name})
    return {key: rebuild(of_model, _below(f"{key}-", inside)) for key in keys}


def _below(prefix: str, parts: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files whose names start with a prefix, without it."""
    return {
        name.removeprefix(prefix): data for name, data in parts.items() if name.startswith(prefix)
    }
