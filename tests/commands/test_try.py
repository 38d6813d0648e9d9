"""Trying a run by hand: every policy answers, with the language of its answer beside it."""

import io

import pytest

from isoglot.commands.trying import _shown
from isoglot.core.protocols import Sampling
from isoglot.line.trying import Trial

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
