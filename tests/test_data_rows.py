"""The rows that stand in the tests are few, documented, and those of the whole sets."""

import re

from published import ROWS, published_rows, rows_in

FILES = sorted(
    str(path.relative_to(ROWS)) for path in ROWS.rglob("*") if path.suffix in (".gz", ".jsonl")
)
MAX_BYTES = 600_000


def test_they_are_small():
    assert sum(path.stat().st_size for path in ROWS.rglob("*") if path.is_file()) < MAX_BYTES


def test_each_folder_has_its_source_and_licence():
    readme = (ROWS / "README.md").read_text(encoding="utf-8")
    listed = re.findall(
        r"^\| (\w+) \|.*github\.com/.* \| (?:Apache|CC-BY|MIT)", readme, re.MULTILINE
    )
    assert listed == sorted({name.split("/")[0] for name in FILES})


def test_they_are_rows_of_the_whole_sets():
    for name in FILES:
        if ".txt" not in name:
            whole, rows = published_rows(name, whole=True), rows_in(ROWS / name)
            assert rows, name
            assert all(row in whole for row in rows), name
