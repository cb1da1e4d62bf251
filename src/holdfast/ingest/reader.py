"""Read the sources of one study: by its own words, and by the contract that it names."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from holdfast.ingest.contract import broken_limits, named_contract, with_contract
from holdfast.ingest.door import Door, require_dropped
from holdfast.ingest.sources import OpenSource, files_of, open_source
from holdfast.ingest.validation import RowMapping, ValidatedSource, validate_rows
from holdfast.io.warehouse import Warehouse
from holdfast.storage.pseudonyms import Pseudonyms
from holdfast.study import Study
from holdfast.study.data_contract import DataContract


@dataclass(frozen=True)
class SourceReader:
    """Opens a study's sources and gives every row of them its verdict."""

    study: Study
    warehouse: Warehouse
    _opened: dict[str, OpenSource] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, study: Study, warehouse: Warehouse) -> "SourceReader":
        """Show the warehouse the study's files, close it to all others, and hold it to the study's
        memory.
        """
        warehouse.limit_memory(study.engine.memory)
        warehouse.confine([file.path for file in files_of(study) if file.kind == "parquet"])
        return cls(study, warehouse)

    @cached_property
    def contract(self) -> DataContract | None:
        """The contract that the study names."""
        return named_contract(self.study)

    def open(self, name: str) -> OpenSource:
        """Find a source of the study and look at its columns."""
        source = open_source(
            getattr(self.study, name),
            self.warehouse,
            name=name,
            project_dir=self.study.project_dir,
        )
        self._opened[name] = self._door(name).hide(source)
        return source

    def validate(self, source: OpenSource, mapping: RowMapping) -> ValidatedSource:
        """Read a source once and give every row its verdict."""
        promised = self.contract.inputs.get(source.name) if self.contract else None
        if promised is not None:
            mapping = with_contract(mapping, source, self.study, promised, self.warehouse)
        return validate_rows(source, mapping, self.warehouse, self._door(source.name))

    def failures(self, sources: Sequence[ValidatedSource]) -> tuple[str, ...]:
        """The limits that are exceeded, with the numbers."""
        require_dropped(self.study, self._opened)
        return broken_limits(sources, self.contract, self.study)

    @cached_property
    def people(self) -> Pseudonyms:
        """Who was erased, and what the others are known by."""
        return Pseudonyms.of(self.study)

    def _door(self, name: str) -> Door:
        return Door(self.people, getattr(self.study, name).columns.customer_id)
