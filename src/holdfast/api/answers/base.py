"""What every answer is made of: the run's stamp, a table's rows, a problem."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, create_model

from holdfast.tables import Contract


class Stamp(BaseModel):
    """What every answer carries."""

    run_id: str
    cutoff_day: int
    model_version: str
    scored_at: str


def row_of(contract: Contract, *left_out: str, may_be_missing: bool = False) -> Any:
    """A model of a table's rows: type, unit and meaning of each column, null where it may be."""
    fields: dict[str, Any] = {}
    for column in contract.columns:
        kind: Any = column.dtype.to_python()
        default, kind = (None, kind | None) if column.nullable or may_be_missing else (..., kind)
        if column.name not in left_out:
            fields[column.name] = kind, Field(default, description=column.unit)
    return create_model(contract.name, **fields)


class Problem(BaseModel):
    """RFC 9457, with what to do."""

    type: Annotated[str, Field(description="As urn:holdfast:problem:CustomerNotEligible")]
    title: str
    status: int
    detail: Annotated[str, Field(description="What was wrong, where and how many")]
    fix: Annotated[str, Field(description="What to do; may be empty")]
    parts: Annotated[dict[str, Any] | None, Field(description="The facts as values")] = None
    request_id: str | None = None


class Readiness(Stamp):
    """What is served can be read."""

    ready: bool
    champion: str | None
    degraded: Annotated[
        str | None,
        Field(description="Why what is served is not the published run, or not as written"),
    ]


class Health(BaseModel):
    """The process lives; the run's fields are null before one is published."""

    status: str
    version: str
    run_id: str | None
    cutoff_day: int | None
    model_version: str | None
    scored_at: str | None
