"""Thought and answer: whatever marks a thought, and never a text that is about such marks."""

import json

import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.errors import InputError
from isoglot.core.own_rows import demonstration_of, read_own_rows
from isoglot.core.protocols import Sampling
from isoglot.core.records import Prompt
from isoglot.core.row_sources import FileRowsConfig
from isoglot.core.thinking import closing_mark, is_thinking_mark, opens_thinking, split_thinking
from isoglot.models.file import FileSampler, FileSamplerConfig
from isoglot.models.server.chat import read_chat

MARKS = [
    ("<think>", "</think>"),
    ("<Thinking>", "</Thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("<longcat_think>", "</longcat_think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("<|channel>thought\n", "<channel|>"),
    ("<unused94>thought\n", "<unused95>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
]
WORDS = st.text("abc 5.\nก三。", min_size=1, max_size=30)


@pytest.mark.parametrize(("left", "right"), MARKS, ids=[left.strip() for left, _ in MARKS])
@given(thought=WORDS, answer=WORDS)
def test_a_thought_between_marks_is_no_answer(left, right, thought, answer):
    found = split_thinking(f"\n{left}{thought}{right}\n\n{answer}")
    assert found == (thought.strip(), found.answer)
    assert found.answer.strip() == answer.strip()
    assert split_thinking(f"{thought}{right}{answer}", opened=True)[0] == thought.strip()
    assert split_thinking(f"{left}{thought}").answer is None
    assert opens_thinking(f"user: 2 + 3?\nassistant: {left}\n")
    assert not opens_thinking(f"user: 2 + 3?\nassistant: {left}{right}\n")


@pytest.mark.parametrize(
    ("text", "opened", "answer"),
    [
        ("an answer", False, "an answer"),
        (" ", False, " "),
        ("<think>\n\n</think>\n\nan answer", False, "an answer"),
        ("so it is.</think>\nan answer", True, "an answer"),
        ("why and", True, None),
        # A closing mark alone.
        (
            "所以是5。</think>答案是5。",
            False,
            "答案是5。",
        ),
        ("so it is five</think>Five.", False, "Five."),
        ("well, five \n</think>\n\nFive.", False, "Five."),
        ("</think>\n\nFive.", False, "Five."),
        # Several thoughts, wrapped answers, a mark quoted in a thought.
        ("<think>a</think>\n<think>b</think>Five.", False, "Five."),
        ("<think>a</think><answer>Five.</answer>", False, "Five."),
        (
            "<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>Five.<|END_RESPONSE|>",
            *(False, "Five."),
        ),
        ('<think>The tag "</think>" ends it.</think>Five.', False, "Five."),
        # gpt-oss with marks left out, and with several messages.
        ("analysisWe add.assistantfinalFive.", False, "Five."),
        ("analysisWe add", False, None),
        ("analysis of a poem", False, "analysis of a poem"),
        (
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary to=f "
            "<|constrain|>json<|message|>{}<|call|>",
            *(False, None),
        ),
    ],
)
def test_the_answer_after_a_thought(text, opened, answer):
    assert split_thinking(text, opened=opened).answer == answer


@pytest.mark.parametrize(
    "text",
    [
        "write <think> and </think>",
        "Le mot `</think>` termine la pensée. Voilà.",
        "Das Tag „</think>“ beendet den Gedanken.\nFertig.",
        "</think> is the closing tag.",
        "End it with </think>\nThen answer.",
        "Use <think>reasons</think>Answer as the form.",
        "标签<think>开始思考，</think>结束思考。",
        "الوسم </think> ينهي التفكير.",
        "An example:\n```\n<think>\na\n</think>\nb\n```\nThat is all.",
        "An example:\n```\na\n</think>\n```\nThat is all.",
        "An example:\n<think>\na\n</think>\nThat is all.",
        "`<think>` opens.",
    ],
)
def test_a_text_about_the_marks_is_an_answer(text):
    assert split_thinking(text) == ("", text)
    assert split_thinking(f"<think>a</think>{text}") == ("a", text)


@given(st.text())
def test_a_text_without_a_mark_stays_as_it_is(text):
    if not text.startswith("analysis"):
        assert split_thinking(text) == ("", text)


def test_tokens_that_mark_thoughts():
    assert all(map(is_thinking_mark, ("<think>", "[/THINK]", "<|channel|>", "<|END_THINKING|>")))
    assert not any(map(is_thinking_mark, ("<s>", "<|im_end|>", "<pad>", "[INST]", "<unused1>")))


@cases("thinking")
def test_one_reader_for_all_sources(case, tmp_path):
    text = case.input["text"]
    path = tmp_path / "rows.jsonl"
    path.write_text(
        json.dumps({"prompt": "?", "prompt_id": "1", "completion": text, "language": "de"}), "utf-8"
    )
    if case.input["from"] == "server":
        choice = {"message": {"content": text}, "finish_reason": "stop"}
        answer = read_chat(json.dumps({"choices": [choice]}).encode()).text
    elif case.input["from"] == "demonstrations":
        source = FileRowsConfig(path=str(path))
        answer = next(iter(read_own_rows(source, demonstration_of))).text
    else:
        sampler = FileSampler(FileSamplerConfig(path=path))
        prompt = Prompt("1", "1", "de", [{"role": "user", "content": "?"}], "de")
        answer = sampler.sample([prompt], Sampling())[0][0].text
    assert (answer or None) in case.right


def test_marks_of_a_family_and_of_ones_own():
    own = ("<<why>>", "<<so>>")
    assert split_thinking("<<why>>2 + 3<<so>>5 apples", marks=own) == ("2 + 3", "5 apples")
    assert split_thinking("2 + 3<<so>>5 apples", marks=own) == ("2 + 3", "5 apples")
    assert split_thinking("2 + 3", marks=own) == ("", "2 + 3")
    assert split_thinking("2 + 3", marks=own, opened=True) == ("2 + 3", None)
    assert split_thinking("<<why>>2 + 3", marks=own) == ("2 + 3", None)
    assert split_thinking("<think>2</think>5", marks=own) == ("", "<think>2</think>5")
    assert split_thinking("[THINK]2[/THINK]5", marks="magistral") == ("2", "5")
    assert split_thinking("[THINK]2[/THINK]5", marks="qwen") == ("", "[THINK]2[/THINK]5")
    channels = "<|channel|>analysis<|message|>2<|end|><|channel|>final<|message|>5"
    assert split_thinking(channels, marks="gpt-oss") == ("2", "5")
    assert split_thinking("<think>2</think>5", marks="gpt-oss") == ("", "<think>2</think>5")
    command_a = "<|START_THINKING|>2<|END_THINKING|><|START_RESPONSE|>5<|END_RESPONSE|>"
    assert split_thinking(command_a, marks="command-a") == ("2", "5")
    assert opens_thinking("user: 2 + 3?\nmodel: <<why>>\n", own)
    assert not opens_thinking("user: 2 + 3?\nmodel: <think>\n", own)
    assert is_thinking_mark("<<so>>", own)
    assert not is_thinking_mark("<think>", own)


@pytest.mark.parametrize(
    ("text", "closing"),
    [
        ("<think>2 +", "</think>"),
        ("<Thought>2 +", "</Thought>"),
        ("[THINK]2 +", "[/THINK]"),
        ("<seed:think>2 +", "</seed:think>"),
        ("<|START_THINKING|>2 +", "<|END_THINKING|>"),
        ("<|begin_of_thought|>2 +", "<|end_of_thought|>"),
        ("<|channel>thought 2 +", "<channel|>"),
        ("<unused94>thought 2 +", "<unused95>"),
        (
            "<|channel|>analysis<|message|>2 +",
            "<|end|><|start|>assistant<|channel|>final<|message|>",
        ),
        ("<think>2 + 3</think>5", None),
        ("5", None),
    ],
)
def test_the_mark_that_ends_an_open_thought(text, closing):
    """What follows the mark is the answer, whether text or prompt opened the thought."""
    assert closing_mark("2 + 3?", text) == closing
    if closing:
        assert split_thinking(f"{text}{closing}5").answer == "5"
        mark = text.removesuffix("2 +")
        if "channel" not in mark:
            assert closing_mark(f"2 + 3? {mark}\n", "2 +") == closing


def test_the_closing_mark_of_ones_own_pair_and_one_that_is_not_known():
    assert closing_mark("2 + 3? (why)", "2 +", ("(why)", "(so)")) == "(so)"
    assert closing_mark("2 + 3?", "[THINK]2 +", "magistral") == "[/THINK]"
    with pytest.raises(InputError, match=r"known, came '<\|think\|>'; give thought_marks"):
        closing_mark("2 + 3?", "<|think|>2 +")
