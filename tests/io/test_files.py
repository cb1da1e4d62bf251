"""A path names files, and an error names what is nearest to it."""

from pathlib import Path

import pytest

from holdfast.errors import DataError, StudyError
from holdfast.io.files import expand_path, find_files


def test_variables_and_home_are_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DATA", "/data")
    monkeypatch.setenv("HOME", "/home/ada")
    assert expand_path("${SHOP_DATA}/a.csv", project_dir="project") == "/data/a.csv"
    assert expand_path("~/a.csv", project_dir="project") == "/home/ada/a.csv"
    assert expand_path("in/*.csv", project_dir="project") == "project/in/*.csv"


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_DATA", raising=False)
    with pytest.raises(StudyError, match="SHOP_DATA, which is not set"):
        expand_path("${SHOP_DATA}/a.csv", project_dir=".")


def test_a_missing_file_names_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "orders_2011.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"did you mean 'orders_2011\.csv'"):
        find_files(str(tmp_path / "order_2011.csv"))
    with pytest.raises(DataError, match="there is no folder"):
        find_files(str(tmp_path / "nowhere" / "a.csv"))
    with pytest.raises(DataError, match=r"the folder holds orders_2011\.csv"):
        find_files(str(tmp_path / "*.parquet"))


def test_a_folder_is_answered_with_a_glob(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is a folder.*\*\.parquet"):
        find_files(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04rest", "damaged or cut-off zip"),
        (b"SQLite format 3\0", "SQLite"),
        (b"BZh91AY", "bzip2"),
    ],
)
def test_a_foreign_file_is_recognised_by_its_first_bytes(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "orders.csv").write_bytes(content)
    with pytest.raises(DataError, match=said):
        find_files(str(tmp_path / "orders.csv"))


def test_files_come_in_order_of_name_and_of_one_kind(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv"):
        (tmp_path / name).write_text("x\n1\n")
    assert [file.path.name for file in find_files(str(tmp_path / "*"))] == ["a.csv", "b.csv"]
    (tmp_path / "c.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="both CSV and Parquet"):
        find_files(str(tmp_path / "*"))


def test_a_file_with_a_star_in_its_own_name_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").write_text("x\n1\n")
    (tmp_path / "a1.csv").write_text("x\n1\n")
    assert [file.path.name for file in find_files(str(tmp_path / "a[1].csv"))] == ["a[1].csv"]


def names(folder: Path, pattern: str) -> list[str]:
    files = find_files(f"{folder}/{pattern}")
    return [file.path.relative_to(folder).as_posix() for file in files]


def test_a_file_that_several_links_lead_to_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "2024").mkdir()
    for name in ("2024/z.csv", "b.csv"):
        (tmp_path / name).write_text("x\n1\n")
    (tmp_path / "a.csv").symlink_to(tmp_path / "2024" / "z.csv")
    (tmp_path / "c.csv").hardlink_to(tmp_path / "b.csv")
    (tmp_path / "2024" / "self").symlink_to(tmp_path)
    assert names(tmp_path, "**/*.csv") == ["a.csv", "b.csv"]
    assert names(tmp_path, "*.csv") == ["a.csv", "b.csv"]
    assert names(tmp_path, "2024/*.csv") == ["2024/z.csv"]


def test_folders_that_lead_back_to_themselves_end(tmp_path: Path) -> None:
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "deep" / "deeper" / "a.csv").write_text("x\n1\n")
    # Followed again and again these would be 3 ** 40 ways.
    for i in range(3):
        (tmp_path / f"self{i}").symlink_to(tmp_path)
    assert names(tmp_path, "**/*.csv") == ["deep/deeper/a.csv"]
    assert names(tmp_path, "**/deeper/**") == ["deep/deeper/a.csv"]
    assert names(tmp_path, "self0/**/a.csv") == ["self0/deep/deeper/a.csv"]


def test_a_linked_folder_is_looked_into_and_a_hidden_one_is_not(tmp_path: Path) -> None:
    for folder in ("far", "in", "in/.hidden"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.csv").write_text("x\n1\n")
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "far")
    assert names(tmp_path, "in/**/*.csv") == ["in/a.csv", "in/linked/a.csv"]


def test_a_folder_that_may_not_be_looked_into_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", refuse)
    with pytest.raises(DataError, match="Permission denied; check its permissions"):
        find_files(str(tmp_path / "a.csv"))
