"""Every form that users' rows have gives the same parts, and is told by its name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.errors import RefusedRow
from isoglot.core.forms import RowColumns, read_parts
from isoglot.core.turns import prompt_messages

USER, GOOD, BAD = (
    {"role": role, "content": text}
    for role, text in (("user", "7?"), ("assistant", "7 apples"), ("assistant", "8"))
)
SYSTEM = {"role": "system", "content": "Be short."}
HUMAN, GPT = {"from": "human", "value": "7?"}, {"from": "gpt", "value": "7 apples"}
PARTS = {"role": "user", "content": [{"type": "text", "text": "7"}, {"type": "text", "text": "?"}]}


def parts_of(row, **columns):
    return read_parts(row, RowColumns(**columns))


@pytest.mark.parametrize(
    ("form", "row"),
    [
        ("prompt-completion", {"prompt": "7?", "completion": "7 apples"}),
        ("prompt-completion, conversational", {"prompt": [USER], "completion": [GOOD]}),
        ("prompt-completion, conversational", {"messages": [USER, GOOD]}),
        ("prompt-completion, conversational", {"messages": [PARTS, GOOD]}),
        (
            "prompt-completion, conversational",  # a column for all roles, and one for all contents
            {"messages": {"role": ["user", "assistant"], "content": ["7?", "7 apples"]}},
        ),
        ("prompt-completion, conversational, ShareGPT", {"conversations": [HUMAN, GPT]}),
        ("prompt-completion, Alpaca", {"instruction": "7?", "input": "", "output": "7 apples"}),
        ("prompt-completion, Alpaca", {"instruction": "7?", "output": "7 apples "}),
        ("prompt-completion", {"question": "7?", "answer": "7 apples", "id": 3}),
        ("prompt-completion", {"inputs": "7?", "targets": "7 apples"}),
        ("prompt-completion", {"input": "7?", "output": "7 apples"}),
        ("prompt-completion", {"prompt": "7?", "completion": "7 apples", "label": None}),
        ("unpaired preference", {"prompt": "7?", "completion": "7 apples", "label": True}),
        ("unpaired preference, conversational", {"messages": [USER, GOOD], "label": True}),
    ],
)
def test_forms_with_an_answer(form, row):
    parts = parts_of(row)
    assert parts.form == form
    assert (parts.prompt, parts.completion) == ((USER,), "7 apples")


@pytest.mark.parametrize(
    ("form", "row"),
    [
        ("preference", {"prompt": "7?", "chosen": "7 apples", "rejected": "8"}),
        ("preference, conversational", {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]}),
        ("preference, conversational", {"chosen": [USER, GOOD], "rejected": [USER, BAD]}),
        (
            "preference, conversational",  # as UltraFeedback has it
            {"prompt": "7?", "chosen": [USER, GOOD], "rejected": [USER, BAD], "messages": [USER]},
        ),
        (
            "preference, conversational, ShareGPT",  # as LLaMA-Factory has it
            {"conversations": [HUMAN], "chosen": GPT, "rejected": {"from": "gpt", "value": "8"}},
        ),
        ("preference, Alpaca", {"instruction": "7?", "chosen": "7 apples", "rejected": "8"}),
        (
            "preference, conversational",  # as HH-RLHF has it
            {
                "chosen": "\n\nHuman: 7?\n\nAssistant: 7 apples",
                "rejected": "\n\nHuman: 7?\n\nAssistant: 8",
            },
        ),
    ],
)
def test_forms_with_two_answers(form, row):
    parts = parts_of(row)
    assert parts.form == form
    assert (parts.prompt, parts.chosen, parts.rejected) == ((USER,), "7 apples", "8")


def test_what_stands_beside_the_prompt():
    row = {"instruction": "Add.", "input": "2 and 3", "output": "5", "system": "Be short."}
    parts = parts_of(row)
    assert parts.prompt == (SYSTEM, {"role": "user", "content": "Add.\n\n2 and 3"})
    pair = parts_of({"system": "Be short.", "question": "7?", "chosen": "7", "rejected": "8"})
    assert pair.prompt == (SYSTEM, USER)
    told = parts_of({"prompt": "7?", "lang": "sw", "answer_language": "de", "gold": 7})
    assert (told.language, told.answer_language, told.gold) == ("sw", "de", "7")
    assert told.form == "prompt-only"
    assert set(told.columns.used) == {"prompt", "lang", "answer_language", "gold"}


def test_a_text_alone_and_nested_columns():
    assert parts_of({"text": "Apples."}).form == "language modelling"
    seed = {"instruction": "Add.", "instances": [{"input": "2 and 3", "output": "5"}]}
    assert parts_of(seed).completion == "5"
    assert parts_of({"turns": ["One?", "Two?"]}).prompt[-1]["content"] == "One?"


def test_columns_that_are_named_are_taken_as_named():
    row = {"prompt": "no", "q": "7?", "a": "7 apples", "completion": "no"}
    parts = parts_of(row, prompt="q", completion="a")
    assert (parts.prompt, parts.completion) == ((USER,), "7 apples")
    assert parts_of(row, prompt="q").completion is None
    with pytest.raises(RefusedRow, match="expected a column 'x', came prompt, q, a") as refused:
        parts_of(row, prompt="q", completion="x")
    assert refused.value.reason == "no column x"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "columns not understood"),
        ({"premise": "a", "label": 1}, "columns not understood"),
        ({"prompt": None, "completion": "a"}, "columns not understood"),
        ({"prompt": " ", "completion": "a"}, "empty prompt"),
        ({"messages": [GOOD]}, "empty prompt"),
        ({"messages": []}, "empty prompt"),
        ({"messages": "7?"}, "neither text nor turns"),
        ({"messages": [{"role": "user", "content": None}]}, "neither text nor turns"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "image": "a.png"}]}]},
            "content that is not text",
        ),
        ({"conversations": [{"from": "tool", "value": "x"}]}, "a turn of a tool or another role"),
        ({"prompt": "7?", "completion": ["a", "b"]}, "neither text nor turns"),
        ({"prompt": "7?", "completion": [USER]}, "not an answer"),
        ({"prompt": "7?", "completion": 7}, "not an answer"),
        ({"prompt": "7?", "chosen": "7", "rejected": "7"}, "chosen equals rejected"),
        ({"prompt": "7?", "chosen": "7", "rejected": ""}, "empty answer"),
        ({"chosen": "7", "rejected": "8"}, "no prompt"),
        ({"chosen": [USER, GOOD], "rejected": [USER, BAD, USER, BAD]}, "several different turns"),
        ({"text": " "}, "empty text"),
    ],
)
def test_a_row_that_makes_no_example_has_a_reason(row, reason):
    with pytest.raises(RefusedRow) as refused:
        parts_of(row)
    assert refused.value.reason == reason
    assert "\n" not in str(refused.value)


TEXTS = st.text("ab ", min_size=1).filter(str.strip)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1))
def test_sharegpt_and_openai_turns_are_the_same_conversation(pairs):
    ours = [
        {"role": role, "content": text}
        for pair in pairs
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
    names = {"user": "human", "assistant": "gpt"}
    theirs = [{"from": names[turn["role"]], "value": turn["content"]} for turn in ours]
    expected, found = parts_of({"messages": ours}), parts_of({"conversations": theirs})
    assert (found.prompt, found.completion) == (expected.prompt, expected.completion)
    assert prompt_messages(list(found.prompt), "x") == found.prompt
