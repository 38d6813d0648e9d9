"""Trying a run by hand: every policy answers, with the language of its answer beside it."""

import io
import json

import pytest
from tiny_model import CHAT_TEMPLATE

from isoglot.commands.options import console
from isoglot.commands.trying import _shown, _side_by_side
from isoglot.core.protocols import Sampled, Sampling
from isoglot.line.trying import PolicyAnswer, Trial

SHORT = Sampling(max_new_tokens=8)


def test_every_policy_answers_with_its_language(finished_run):
    with Trial(finished_run) as trial:
        answers = list(trial.answers("How many apples are left?", SHORT, "en"))
    assert [answer.policy for answer in answers] == ["M0", "M1"]
    assert {answer.wanted for answer in answers} == {"en"}
    for answer in answers:
        unsure = answer.identified is None
        assert answer.is_off_target is (None if unsure else answer.identified != "en")


@pytest.mark.parametrize("width", [40, 200])
def test_the_verb_shows_the_policies_that_are_named(isoglot, finished_run, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    arguments = ("--policies", "M1,M0", "--max-new-tokens", 8)
    code, out, _ = isoglot("try", finished_run, "Wie viele?", "--language", "de", *arguments)
    assert code == 0
    assert out.index("M1 ·") < out.index("M0 ·")
    assert max(map(len, out.splitlines())) <= width


@pytest.fixture
def thinking_run(finished_run, tmp_path):
    """The record of a run whose first policy begins every answer with a thought."""
    record = json.loads((finished_run / "run.json").read_text())
    opened = CHAT_TEMPLATE + "{% if add_generation_prompt %}{{ '<think>\n' }}{% endif %}"
    record["recipe"]["policy"]["chat_template"] = opened
    (tmp_path / "run.json").write_text(json.dumps(record))
    return tmp_path


def test_a_thought_stands_above_its_answer(isoglot, thinking_run, monkeypatch):
    sampling = Sampling(max_new_tokens=60, max_thinking_tokens=6)
    with Trial(thinking_run) as trial:
        (answer,) = trial.answers("How many apples left?", sampling, "en")
        assert answer.sampled.thought
        assert answer.thought_language == trial._identify(answer.sampled.thought)
    monkeypatch.setenv("COLUMNS", "300")
    options = ("--max-new-tokens", 60, "--max-thinking-tokens", 6, "--language", "en")
    code, out, err = isoglot("try", thinking_run, "How many apples left?", *options)
    assert code == 0, err
    assert "<think>" not in out
    thought = _shown(answer.sampled.thought).split()[0]
    assert -1 < out.index("thought · ") < out.index(thought)


def test_the_language_of_a_thought_is_told_apart_from_that_of_the_answer(capsys):
    long = "It is seven. " * 40
    sampled = Sampled("Ni saba.", "stop", thought=long)
    answer = PolicyAnswer("M1", sampled, "sw", "sw", "en")
    assert (answer.is_off_target, answer.is_thought_off_target) == (False, True)
    for whole in (False, True):
        console().print(_side_by_side([answer], 100, thoughts=whole), width=100)
        shown = " ".join(word for word in capsys.readouterr().out.split() if word != "│")
        assert "M1 · sw Swahili ─" in shown
        assert "thought · en English · not sw It is seven." in shown
        assert shown.index("seven") < shown.index("Ni saba.")
        assert ("characters more: --thoughts]" in shown) is not whole
        assert (shown.count("It is seven.") == 40) is whole


def test_a_terminal_obeys_no_model():
    assert _shown("a\x1b[2J\tb\n\u200dc") == "a\ufffd[2J\tb\n\u200dc"


def test_prompts_are_read_line_by_line(isoglot, finished_run, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("How many?\nAnd now?\n\nnot this\n"))
    code, out, _ = isoglot("try", finished_run, "--policies", "M0", "--max-new-tokens", 4)
    assert (code, out.count("M0 ·")) == (0, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runs/none", "x"], "name a run directory"),
        (["RUN", "x", "--policies", "M7"], "has no policy M7: expected one of M0, M1"),
        (["RUN", "x", "--language", "klingon"], "klingon"),
    ],
)
def test_bad_input_is_one_line(isoglot, finished_run, arguments, words):
    arguments = [finished_run if word == "RUN" else word for word in arguments]
    code, _, error = isoglot("try", *arguments)
    assert (code, error.count("\n")) == (2, 1)
    assert words in error
