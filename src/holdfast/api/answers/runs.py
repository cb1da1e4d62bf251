"""Answers on runs and keys."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from holdfast.api.answers.base import Stamp


class RunRow(BaseModel):
    """One run; one that is damaged has nothing but its name and why."""

    run_id: str
    created_at: str | None = None
    study: str | None = None
    kind: Literal["log", "snapshot"] | None = None
    cutoff_date: str | None = None
    customers: int | None = None
    champion: bool
    served: bool
    refused: Annotated[
        bool | None, Field(description="Worse than the published run, and so not published")
    ] = None
    damaged: Annotated[str | None, Field(description="Why it cannot be opened")] = None


class RunsAnswer(Stamp):
    """Every run, newest first."""

    runs: list[RunRow]


class RunFile(BaseModel):
    """One file of a run."""

    bytes: int
    sha256: str


class Manifest(BaseModel):
    """What a run says of itself; an older one may lack a field."""

    model_config = ConfigDict(extra="allow")

    run_id: str
    created_at: str
    study: str | None = None
    kind: Literal["log", "snapshot"] | None = None
    cutoff_date: str | None = None
    customers: int | None = None
    seed: int | None = None
    study_sha256: str | None = None
    data_sha256: str | None = None
    versions: dict[str, str] = {}
    seconds: dict[str, float] = {}
    files: dict[str, RunFile]
    champion: bool


class RunAnswer(Stamp):
    """One run."""

    run: Manifest


class ChampionAnswer(Stamp):
    """Which run is published now."""

    champion: str


class KeyRow(BaseModel):
    """A key, without its secret."""

    key_id: str
    role: Literal["reader", "operator", "admin"]
    name: str
    created_at: str
    last_used_at: str | None
    revoked_at: str | None


class KeysAnswer(Stamp):
    """Every key."""

    keys: list[KeyRow]
