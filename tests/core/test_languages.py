"""The language table: complete, unique, and in agreement with the codes of real data sets."""

import gzip
import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from isoglot.core.languages import ALIASES, LANGUAGES, language, tag_from_flores

DATA = Path(os.environ.get("ISOGLOT_DATA", Path(__file__).parents[3] / "shared" / "data"))
NEEDED = {
    *("en", "es", "de", "fr", "ru", "sw", "it", "pt", "nl", "sv", "id", "zh-Hans", "zh-Hant", "ar"),
    *("bn", "ja", "ko", "te", "th", "vi", "cs", "el", "he", "hi", "fa", "pl", "ro", "tr", "uk"),
    *("et", "ht", "qu", "ta"),
}


def codes(file: str, column: str = "lang") -> set[str]:
    path = DATA / file
    if not path.exists():
        pytest.skip(f"the data set {file} is not on this machine")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return {json.loads(line)[column] for line in lines}


def test_table_has_the_languages_of_the_benchmarks():
    assert set(LANGUAGES) >= NEEDED


@pytest.mark.parametrize("row", LANGUAGES.values(), ids=lambda row: row.tag)
def test_row_is_complete(row):
    assert all(value and value == value.strip() for value in asdict(row).values())
    assert row.flores.endswith(f"_{row.script}")
    assert row.tier in {"high", "mid", "low"}


@pytest.mark.parametrize("column", ["flores", "english_name", "own_name"])
def test_column_is_unique(column):
    values = [getattr(row, column) for row in LANGUAGES.values()]
    assert len(set(values)) == len(values)


def test_rows_stand_in_the_order_of_their_tags():
    assert list(LANGUAGES) == sorted(LANGUAGES)


def test_alias_and_tag_give_the_same_row():
    assert language("zh") is language("zh-Hans") is LANGUAGES["zh-Hans"]
    assert all(target in LANGUAGES and alias not in LANGUAGES for alias, target in ALIASES.items())


@pytest.mark.parametrize(
    ("typo", "meant"),
    [("zh_Hans", "zh-Hans"), ("Swahili", "sw"), ("swh_Latn", "sw"), ("eng", "en"), ("DE", "de")],
)
def test_unknown_tag_names_the_one_that_was_meant(typo, meant):
    with pytest.raises(ValueError, match=f"did you mean '{meant}'"):
        language(typo)


def test_unknown_tag_without_a_neighbour_lists_the_table():
    with pytest.raises(ValueError, match=r"known tags: ar, .*zh-Hant"):
        language("xx")


def test_flores_code_comes_back_as_its_tag():
    assert all(tag_from_flores(row.flores) == row.tag for row in LANGUAGES.values())
    with pytest.raises(ValueError, match="did you mean 'swh_Latn'"):
        tag_from_flores("swa_Latn")


def test_flores_codes_are_those_of_sib200():
    real = codes("sib200/sib200_dev.jsonl.gz")
    stems = {code.split("_")[0] for code in real}
    ours = {row.flores for row in LANGUAGES.values() if row.flores.split("_")[0] in stems}
    assert len(ours) > 30
    assert ours <= real


@pytest.mark.parametrize(
    "file", ["lcb/prompts.jsonl.gz", "mgsm/mgsm.jsonl.gz", "xcopa/xcopa.jsonl.gz"]
)
def test_every_language_of_a_benchmark_has_a_row(file):
    for code in codes(file):
        assert language(code)


def test_names_are_those_of_linguameta():
    path = DATA / "lang_metadata" / "linguameta.tsv.gz"
    if not path.exists():
        pytest.skip("the data set lang_metadata is not on this machine")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        names = {line.split("\t")[0]: line.split("\t")[2] for line in lines}
    for row in LANGUAGES.values():
        assert row.english_name.startswith(names[row.tag.split("-")[0]])
