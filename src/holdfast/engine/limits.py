"""What is done in one warehouse only."""

from holdfast.engine.reading import FACTS
from holdfast.errors import StudyError
from holdfast.ingest.contract import named_contract
from holdfast.study import Study


def refuse_what_needs_one_warehouse(study: Study) -> None:
    """Refuse a study that asks for what is done in one warehouse only.

    Raises
    ------
    StudyError
        It does; the message names all of it.
    """
    log = study.transactions
    if log is None:
        raise StudyError("a snapshot is read in one piece", fix="run without --engine")
    contract = named_contract(study)
    needs = {
        "lines with a cost or a category": study.has_line_margins,
        "pseudonyms beside [customers]": study.customers is not None
        and study.privacy is not None
        and study.privacy.pseudonymise,
        "a reference of the contract to the transactions": any(
            rule.refers_to
            for promised in (contract.inputs.values() if contract else ())
            for rule in promised.columns
        ),
        "a database query": any(
            source is not None and (source.postgres or source.database) is not None
            for source in (getattr(study, name) for name in FACTS)
        ),
    }
    wanted = [name for name, is_asked in needs.items() if is_asked]
    if wanted:
        raise StudyError(
            f"the engine '{study.engine.kind}' does not do {', '.join(wanted)} yet",
            fix="run with --engine memory, or leave it out",
        )
