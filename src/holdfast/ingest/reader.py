"""Read the sources of one study: by its own words, and by the contract that it names."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

from holdfast.ingest.contract import broken_limits, named_contract, with_contract
from holdfast.ingest.door import Door, require_dropped
from holdfast.ingest.sources import OpenSource, files_of, open_arrow, open_source
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

    def open(self, name: str, schema: pa.Schema | None = None) -> OpenSource:
        """Find a source of the study and look at its columns.

        Parameters
        ----------
        schema
            Of a table whose rows somebody else reads.
        """
        given, where = getattr(self.study, name), self.study.project_dir
        source = (
            open_source(given, self.warehouse, name=name, project_dir=where)
            if schema is None
            else open_arrow(name, given, schema, self.warehouse)
        )
        self._opened[name] = self.door(name).hide(source)
        return source

    def hold_to_contract(self, source: OpenSource, mapping: RowMapping) -> RowMapping:
        """The mapping, with what the study's contract promises of the source."""
        promised = self.contract.inputs.get(source.name) if self.contract else None
        if promised is None:
            return mapping
        return with_contract(mapping, source, self.study, promised, self.warehouse)

    def validate(self, source: OpenSource, mapping: RowMapping) -> ValidatedSource:
        """Read a source once and give every row its verdict."""
        held = self.hold_to_contract(source, mapping)
        return validate_rows(source, held, self.warehouse, self.door(source.name))

    def failures(self, sources: Sequence[ValidatedSource]) -> tuple[str, ...]:
        """The limits that are exceeded, with the numbers."""
        require_dropped(self.study, self._opened)
        return broken_limits(sources, self.contract, self.study)

    @cached_property
    def people(self) -> Pseudonyms:
        """Who was erased, and what the others are known by."""
        return Pseudonyms.of(self.study)

    def door(self, name: str) -> Door:
        """Who lets the rows of a source in."""
        return Door(self.people, getattr(self.study, name).columns.customer_id)
