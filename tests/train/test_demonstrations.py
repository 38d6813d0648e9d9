"""Demonstrations of users: TRL's forms become records, and what is none is one line."""

import json

import pytest

from isoglot.train.demonstrations import read_demonstrations

ASKED, ANSWERED = {"role": "user", "content": "7?"}, {"role": "assistant", "content": "7 apples"}
SYSTEM = {"role": "system", "content": "Be short."}


@pytest.fixture
def read(tmp_path):
    def read(*rows, tag=None):
        file = tmp_path / "d.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return list(read_demonstrations(str(file), tag))

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


def test_thinking_is_left_out(read):
    thought = {"role": "assistant", "content": "<think>\n5 + 2\n</think>\n\n7 apples"}
    (row,) = read({"messages": [ASKED, thought], "language": "en"})
    assert row.text == "7 apples"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"messages": [ASKED, ANSWERED]}, "expected a column 'language', came messages; add"),
        ({"prompt": "7?", "language": "sw"}, "prompt, language: 'completion' is missing; rename"),
        ({"text": "7", "language": "sw"}, "text, language: 'prompt' is missing"),
        ({"messages": [ASKED], "language": "sw"}, "a prompt and an answer in column 'messages'"),
        ({"messages": [ASKED, ASKED], "language": "sw"}, "answer at the end of column 'messages'"),
        ({"messages": [ANSWERED, ANSWERED], "language": "sw"}, "empty prompt: expected a user"),
        ({"prompt": "7?", "completion": " ", "language": "sw"}, "end of column 'completion'"),
        ({"prompt": "7?", "completion": 7, "language": "sw"}, "text or turns in columns"),
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
