"""Who was erased stays out, whatever an editor did to the end of the list."""

from pathlib import Path

from holdfast.storage.pseudonyms import LIST, Pseudonyms
from holdfast.study import Study


def test_the_last_of_the_list_is_on_it_without_a_line_end_too(tmp_path: Path) -> None:
    study = Study.from_dict(
        {
            "study": {"name": "t"},
            "transactions": {"path": "a", "columns": {"customer_id": "c", "occurred_at": "t"}},
            "project_dir": str(tmp_path),
        }
    )
    Pseudonyms.of(study, make_key=True).suppress(["ann", "bob"])
    path = tmp_path / LIST
    path.write_text(path.read_text(encoding="ascii").removesuffix("\n"), encoding="ascii")
    assert Pseudonyms.of(study).find_erased(["ann", "bob", "cid"]) == ["ann", "bob"]
