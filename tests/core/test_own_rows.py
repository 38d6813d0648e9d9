"""Users' rows become demonstrations and preferences, and what makes none is one line."""

import json

import pytest
from published import published

from isoglot.core.errors import InputError
from isoglot.core.own_rows import (
    RowTally,
    demonstration_of,
    languages_of_rows,
    preference_of,
    read_own_rows,
)
from isoglot.core.row_sources import FileRowsConfig, HubRowsConfig, parse_source

ASKED, ANSWERED = {"role": "user", "content": "7?"}, {"role": "assistant", "content": "7 apples"}
SYSTEM = {"role": "system", "content": "Be short."}


@pytest.fixture
def read(tmp_path):
    def read(*rows, tag=None, make=demonstration_of, tally=None, **keys):
        file = tmp_path / "d.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        source = FileRowsConfig(path=str(file), language=tag, **keys)
        return list(read_own_rows(source, make, tally))

    return read


def test_both_forms_are_the_same_demonstration(read):
    rows = read(
        {"messages": [ASKED, ANSWERED], "language": "sw"},
        {"prompt": "7?", "completion": "7 apples", "language": "sw"},
        {"prompt": [ASKED], "completion": [ANSWERED], "language": "sw"},
    )
    assert rows[0] == rows[1] == rows[2]
    assert rows[0].messages == (ASKED, ANSWERED)
    assert (rows[0].language, rows[0].answer_language, rows[0].source) == ("sw", "sw", "d.jsonl")


def test_columns_and_a_language_for_all_rows(read):
    (row,) = read(
        {"messages": [SYSTEM, ASKED, ANSWERED], "family": "f", "answer_language": "sw"}
        | {"model": "m", "source": "s"},
        tag="en",
    )
    assert row.messages == (SYSTEM, ASKED, ANSWERED)
    assert (row.family, row.model, row.source) == ("f", "m", "s")
    assert (row.language, row.answer_language) == ("en", "sw")


def test_the_thought_is_kept_apart(read):
    text = "<think>\n5 + 2\n</think>\n\n7 apples"
    thought = {"role": "assistant", "content": text}
    pair = {"prompt": "7?", "chosen": text, "rejected": "8 apples"}
    rows = [{"messages": [ASKED, thought]}, {"prompt": "7?", "completion": text}, pair]
    found = read(*({**row, "language": "en"} for row in rows))
    assert {(row.text, row.thought) for row in found} == {("7 apples", "5 + 2")}
    (row,) = read({**pair, "language": "en"}, make=preference_of)
    assert (row.chosen_text, row.chosen_thought) == ("7 apples", "5 + 2")
    assert (row.rejected_text, row.rejected_thought) == ("8 apples", None)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"messages": [ASKED, ANSWERED]}, "expected a column `language`, came messages; add"),
        ({"prompt": "7?", "language": "sw"}, "in a column such as completion.*came none"),
        ({"txt": "7", "language": "sw"}, "columns of a known form.*came txt, language; name"),
        ({"messages": [ASKED], "language": "sw"}, "answer at the end of column 'messages'"),
        ({"messages": [ASKED, ASKED], "language": "sw"}, "answer at the end of column 'messages'"),
        ({"messages": [ANSWERED, ANSWERED], "language": "sw"}, "empty prompt: expected a user"),
        ({"prompt": "7?", "completion": " ", "language": "sw"}, "end of column 'completion'"),
        (
            {"prompt": "7?", "completion": 7, "language": "sw"},
            "text in column 'completion', or one turn",
        ),
        ({"prompt": "7?", "completion": "<think>7", "language": "sw"}, "after the thinking"),
        ({"prompt": "7?", "completion": "7", "language": "xx"}, "unknown language 'xx'"),
    ],
)
def test_what_is_no_demonstration_is_one_line(read, row, message):
    good = {"messages": [ASKED, ANSWERED], "language": "sw"}
    with pytest.raises(ValueError, match=message) as told:
        read(good, row)
    assert "d.jsonl, row 2: " in str(told.value)
    assert "\n" not in str(told.value)


def test_a_text_alone_is_a_demonstration_without_a_prompt(read):
    (row,) = read({"text": " Apples grow on trees. "}, tag="en")
    assert row.messages == ({"role": "assistant", "content": "Apples grow on trees."},)
    assert not row.prompt


def test_the_chosen_side_is_imitated_and_a_bad_answer_is_not(read):
    (row,) = read({"prompt": "7?", "chosen": "7", "rejected": "8"}, tag="en")
    assert row.text == "7"
    rows = [
        {"prompt": "7?", "completion": "7", "label": True},
        {"prompt": "7?", "completion": "8", "label": False},
    ]
    with pytest.raises(InputError, match=r"row 2: expected an answer to learn from"):
        read(*rows, tag="en")
    tally = RowTally()
    assert [row.text for row in read(*rows, tag="en", tally=tally, skip_refused=True)] == ["7"]
    assert tally.refused == {"labelled false": 1}


def test_preferences(read):
    row = {"prompt": "7?", "chosen": "7", "rejected": "8", "lang": "swa", "id": 3}
    (pair,) = read(row, make=preference_of)
    assert (pair.prompt[-1]["content"], pair.chosen_text, pair.rejected_text) == ("7?", "7", "8")
    assert (pair.language, pair.answer_language, pair.pair_type) == ("sw", "sw", "d.jsonl")
    other, same = (read(row | {"id": num}, make=preference_of, family=["id"]) for num in (3, 4))
    assert other[0].family != same[0].family
    assert other[0].prompt_id == same[0].prompt_id == pair.prompt_id
    with pytest.raises(InputError, match="columns prompt, chosen and rejected, came prompt, compl"):
        read({"prompt": "7?", "completion": "7", "lang": "sw"}, make=preference_of)


def test_a_tally_says_what_was_read(read):
    tally = RowTally()
    rows = [
        {"instruction": "Add.", "input": "2, 3", "output": "5", "lang": "en", "id": 1},
        {"prompt": "7?", "completion": "7", "lang": "sw"},
    ]
    read(*rows, tally=tally)
    assert tally.forms == {"prompt-completion, Alpaca": 1, "prompt-completion": 1}
    assert tally.languages == {"en": 1, "sw": 1}
    assert tally.used == {
        "instruction": "prompt", "input": "input", "output": "completion", "lang": "language",
        "prompt": "prompt", "completion": "completion",
    }  # fmt: skip
    assert tally.unused == ["id"]


def test_languages_are_identified_where_no_column_says(tmp_path):
    file = tmp_path / "d.jsonl"
    rows = [
        {"text": "a"},
        {"text": "b", "lang": "sw"},
        {"text": "?"},
        {"nothing": 1},
        {"text": "a"},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def identify(texts):
        assert texts == ["a", "?", "a"]
        return ["de", None, "de"]

    source = FileRowsConfig(path=str(file), skip_refused=True)
    found = languages_of_rows(source, identify)
    assert {place.row: tag for place, tag in found.tags.items()} == {1: "de", 3: "de", 5: "de"}
    assert (found.counts, {place.row for place in found.unsure}) == ({"de": 2}, {3})
    records = read_own_rows(source, demonstration_of, identified=found)
    assert [row.language for row in records] == ["de", "sw", "de", "de"]


def test_a_source_in_one_word(tmp_path):
    assert parse_source("trl-lib/tldr", "test") == HubRowsConfig(
        kind="hub", path="trl-lib/tldr", split="test"
    )
    assert parse_source("a/b:en@0123") == HubRowsConfig(
        kind="hub", path="a/b", name="en", revision="0123"
    )
    for word in ("data/d.jsonl", "data/*", str(tmp_path), "data/{language}.csv"):
        assert parse_source(word) == FileRowsConfig(path=word)


@pytest.mark.parametrize(
    ("name", "make", "form", "few"),
    [
        ("dpo_en_demo", preference_of, "preference, conversational, ShareGPT", 5),
        ("dpo_zh_demo", preference_of, "preference, conversational, ShareGPT", 5),
        ("kto_en_demo", demonstration_of, "unpaired preference, conversational", 5),
        ("alpaca_en_demo", demonstration_of, "prompt-completion, Alpaca", 5),
    ],
)
def test_the_demonstration_sets_of_llama_factory(name, make, form, few):
    path, tally = published(f"preference_demo/{name}.jsonl.gz"), RowTally()
    rows = list(read_own_rows(FileRowsConfig(path=str(path), skip_refused=True), make, tally))
    assert set(tally.forms) == {form}
    assert len(rows) + tally.refused.total() == tally.num_rows
    assert len(rows) >= few
    assert set(tally.refused) <= {"labelled false", "no answer", "empty prompt"}
