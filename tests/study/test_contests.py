"""Who wins a question: by hand-made grades, and by a scorer that reads the answers."""

import pytest

from isoglot.core.errors import InputError
from isoglot.core.records import Completion, Graded, Outcome, Prompt
from isoglot.core.scorers import AgreementConfig, LanguageMatchConfig
from isoglot.core.store import shard_path, write_done, write_json, write_shard
from isoglot.line.task import task_metrics
from isoglot.recipe.recipe import load_recipe
from isoglot.study.contests import (
    AnswerWorth,
    ExampleKey,
    Judges,
    check_judges,
    oracle_worths,
    outcomes_of,
)
from isoglot.study.grid import GridCell, OracleConfig
from isoglot.study.running import GridRun

RECIPE = load_recipe("lidr-lab")
TASK = RECIPE.evaluate.tasks[0]


def graded(*answers: tuple[float | None, float | None], language: str = "sw") -> list[Graded]:
    """Rows of grade and off-target, one question each."""
    return [
        Graded(f"f{i}", f"p{i}", language, metric, value, None if value is None else (value, 1.0))
        for i, answer in enumerate(answers)
        for metric, value in zip(("accuracy", "off_target_rate"), answer, strict=True)
    ]


GRADES = [
    # (grade, off-target) of the new policy and of M0
    ((1.0, 0.0), (0.0, 0.0), "win"),
    ((0.0, 0.0), (1.0, 0.0), "loss"),
    ((1.0, 0.0), (1.0, 0.0), "tie"),
    ((0.0, 0.0), (0.0, 1.0), "tie"),
    ((1.0, 1.0), (1.0, 0.0), "loss"),
    ((1.0, 0.0), (1.0, 1.0), "win"),
    ((1.0, None), (0.0, 0.0), "win"),
    ((None, 0.0), (0.0, 0.0), "invalid"),
    ((None, 1.0), (0.0, 0.0), "invalid"),
    ((1.0, 0.0), (None, 0.0), "invalid"),
    ((None, None), (None, None), "invalid"),
]


def test_the_oracle_wants_the_right_answer_in_the_right_language():
    new, old = (graded(*side) for side in list(zip(*GRADES, strict=True))[:2])
    outcomes = outcomes_of(oracle_worths(new, TASK), oracle_worths(list(reversed(old)), TASK))
    keys = [ExampleKey("sw", f"f{i}", f"p{i}") for i in range(len(GRADES))]
    found = [outcomes[key] for key in keys]
    assert found == [Outcome(outcome) for _, _, outcome in GRADES]
    other = outcomes_of(oracle_worths(old, TASK), oracle_worths(new, TASK))
    turned = {"win": "loss", "loss": "win", "tie": "tie", "invalid": "invalid"}
    assert [other[key] for key in keys] == [turned[outcome] for outcome in found]


def test_of_several_samples_each_is_held_against_its_own_language():
    rows = [
        Graded("f", "p", "sw", metric, value, (value, 1.0))
        for metric, value in (("accuracy", 1.0), ("off_target_rate", 1.0),
                              ("accuracy", 1.0), ("off_target_rate", 0.0))
    ]  # fmt: skip
    assert oracle_worths(rows, TASK)[ExampleKey("sw", "f", "p")].worth == 0.5


def test_other_questions_are_refused():
    new, old = (
        oracle_worths(graded((1.0, 0.0)), TASK),
        oracle_worths(graded((1.0, 0.0), (1.0, 0.0)), TASK),
    )
    with pytest.raises(ValueError, match=r"expected the same prompts .*came 1 and 2.*prompt p1"):
        outcomes_of(new, old)


def test_equal_texts_are_a_tie_however_their_rewards_round():
    key = ExampleKey("sw", "f", "p")
    new, old = AnswerWorth(0.1 + 0.2, "tano"), AnswerWorth(0.3, "tano")
    assert outcomes_of({key: new}, {key: old})[key] == Outcome.TIE
    assert outcomes_of({key: new}, {key: AnswerWorth(0.3, "sita")})[key] == Outcome.WIN
    assert (
        outcomes_of({key: AnswerWorth(None, "x")}, {key: AnswerWorth(None, "x")})[key] == "invalid"
    )


def answered(folder, text: str):
    """A done evaluation in which each of two questions was answered so."""
    prompts = [Prompt.from_text(f"Swali la {i}?", language="sw", family=f"f{i}") for i in (0, 1)]
    rows = [
        Completion(p.family, p.prompt_id, "sw", "m@1", 0, text if p.family == "f0" else "", "stop")
        for p in prompts
    ]
    write_shard(shard_path(folder / "prompts", 0), prompts, Prompt)
    write_shard(shard_path(folder / "completions", 0), rows, Completion)
    grades = [Graded(p.family, p.prompt_id, "sw", m, 0.0, (0.0, 1.0)) for p in prompts
              for m in ("accuracy", "off_target_rate")]  # fmt: skip
    write_shard(folder / "graded.parquet", grades, Graded)
    write_done(folder, {"fingerprint": text[:9], "counts": {}, "seconds": 1.0})


def test_a_scorer_judges_the_answers_and_its_rewards_are_kept(tmp_path):
    run = GridRun(GridCell({"data": "one"}, {1: RECIPE}, None), 1, tmp_path)
    assert task_metrics(TASK)[0].name == "accuracy"
    answered(run.folder / "round-0/evaluate/lab_math", "I have five apples left in my basket.")
    answered(
        run.folder / "round-1/evaluate/lab_math", "Nina matofaa matano tu kwenye kikapu changu."
    )
    write_json(run.folder / "summary.json", {"rounds": [{"round": 0}, {"round": 1}]})
    configs = [OracleConfig(), LanguageMatchConfig()]
    contest = Judges(configs, tmp_path, ["en", "sw"]).contest(run, TASK)
    by_family = {key.family: outcome for key, outcome in contest.outcomes["language_match"].items()}
    assert by_family == {"f0": Outcome.WIN, "f1": Outcome.INVALID}
    assert set(contest.outcomes["oracle"].values()) == {Outcome.TIE}
    assert contest.off_target == {"sw": (0.0, 0.0)}
    kept = sorted((tmp_path / "rewards").rglob("*.parquet"))
    before = [path.stat().st_mtime_ns for path in kept]
    assert len(kept) == 2
    again = Judges(configs, tmp_path, ["en", "sw"])
    assert again.contest(run, TASK) == contest
    assert [path.stat().st_mtime_ns for path in kept] == before
    for path in kept:  # the form of earlier versions: one file for all shards
        path.rename(path.parent.with_suffix(".parquet"))
        path.parent.rmdir()
    assert Judges(configs, tmp_path, ["en", "sw"]).contest(run, TASK) == contest
    assert len(list((tmp_path / "rewards").iterdir())) == 2


def test_a_scorer_of_whole_families_is_no_judge_of_two_policies():
    check_judges([OracleConfig(), LanguageMatchConfig()], TASK)
    with pytest.raises(InputError, match="judges: agreement compares the answers of a family"):
        check_judges([AgreementConfig(grader="last_number")], TASK)


def test_a_run_that_trained_nothing_has_no_contest(tmp_path):
    run = GridRun(GridCell({"data": "one"}, {1: RECIPE}, None), 1, tmp_path)
    write_json(run.folder / "summary.json", {"rounds": [{"round": 0}]})
    with pytest.raises(ValueError, match="expected a trained policy measured on lab_math"):
        Judges([OracleConfig()], tmp_path, ["sw"]).contest(run, TASK)
