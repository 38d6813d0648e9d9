"""Grading one model's answers: what is asked, kept, counted, refused, and read by other verbs."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes import FakeSampler
from test_judging import Court, evaluated, long, prompts, short
from test_judging import compare as compare_answers

from isoglot.benchmarks.conversations import next_turn
from isoglot.core.protocols import no_tick
from isoglot.core.records import Completion, Graded, Prompt, Rated
from isoglot.core.store import read_shard, shard_path, shard_paths, write_shard
from isoglot.judging.judges import RaterSource, model_rater, rater_of
from isoglot.judging.rate import rate_model
from isoglot.judging.ratings import graded_ratings, turn_of
from isoglot.models.file import FileSamplerConfig
from isoglot.models.judges.rating import RatingConfig, SamplerRater
from isoglot.report.export.formats import flat_table, wide_table
from isoglot.report.export.lm_eval import as_lm_eval
from isoglot.report.results.judging import Ratings
from isoglot.report.results.paired import compared_values
from isoglot.report.results.rows import Measure
from isoglot.report.results.runs import compare_runs


class Grader(FakeSampler):
    """Grades by a function of what it is shown, counts, costs, and may die."""

    def __init__(self, grade, dies_after: int | None = None) -> None:
        super().__init__(lambda prompt, i: grade(prompt.text), "judge@1")  # noqa: ARG005
        self.asked: list[str] = []
        self.dies_after = dies_after
        self.usage = SimpleNamespace(cost_usd=0.0)

    def sample(self, prompts, sampling, tick=no_tick):
        for prompt in prompts:
            if self.dies_after is not None and len(self.asked) >= self.dies_after:
                raise RuntimeError("the server went away")
            self.asked.append(prompt.text)
            self.usage.cost_usd += 0.5
        return super().sample(prompts, sampling, tick)

    @property
    def source(self) -> RaterSource:
        config = RatingConfig(template="{prompt}{reference}{answer}{language}", show_gold=True)
        settings = {"model": "judge", "rating": {"show_gold": True}}
        return RaterSource(settings, lambda: SamplerRater(self, config))


def by_question(text: str) -> str:
    """7 for an even question in Swahili, 3 for an odd one; German is one better."""
    tag, number = text.split("\n", 2)[1].removesuffix("?").split(" ")[:2]
    return f"Fine.\nRating: {7 - 4 * (int(number) % 2) + (tag == 'de')}"


def graded(path: Path, grader: Grader, out: Path, **options):
    options = {"silent": True, "resamples": 50, "families_per_shard": 2, **options}
    return rate_model(path, grader.source, out, **options)


def row_of(summary, language: str, metric: str = "rating"):
    (row,) = [r for r in summary.results if (r.language, r.metric) == (language, metric)]
    return row


def group_of(summary, group: str = "mean", metric: str = "rating"):
    (row,) = [r for r in summary.groups if (r.group, r.metric) == (group, metric)]
    return row


def rated_in(out: Path) -> list[Rated]:
    return [row for path in shard_paths(out / "ratings") for row in read_shard(path, Rated)]


@pytest.fixture
def answers(tmp_path) -> Path:
    return evaluated(tmp_path / "A", prompts(12), long, "a@1")


def test_answers_are_graded_alone_and_written(answers, tmp_path):
    grader, out = Grader(by_question), tmp_path / "out"
    summary = graded(answers, grader, out, seed=3)
    assert len(set(grader.asked)) == len(grader.asked) == 24
    sw, mean = row_of(summary, "sw"), group_of(summary)
    assert (sw.value, sw.n, sw.unknown) == (pytest.approx(0.5), 12, 0)
    assert (sw.invalid, sw.unanswered, sw.task) == (0, 0, "open")
    assert 0.3 <= sw.low < sw.value < sw.high <= 0.7
    assert mean.value == pytest.approx(0.55)
    assert mean.low < mean.value < mean.high
    assert sw.signature.startswith("rating|judge:judge@1|how:")
    assert "|seed:3|" in sw.signature
    assert (summary.model, summary.judge, summary.cost_usd) == ("a@1", "judge@1", 12.0)
    assert Ratings.read(out / "results.json", mend="") == summary
    rows = rated_in(out)
    assert {row.value for row in rows} == {3.0, 4.0, 7.0, 8.0}
    assert {row.text for row in rows} == {f"Fine.\nRating: {n}" for n in (3, 4, 7, 8)}
    assert {r.metric for r in summary.results} == {"rating"}
    groups = ["mean", "tier:high", "tier:low", "worst"]  # grades have no zero: no ratio of them
    assert [group.group for group in summary.groups] == groups


def test_the_judge_sees_the_gold_where_there_is_one(tmp_path):
    asked = [replace(p, gold=None) if p.language == "de" else p for p in prompts(2)]
    path = evaluated(tmp_path / "A", asked, long, "a@1")
    grader = Grader(by_question)
    graded(path, grader, tmp_path / "out")
    for text in grader.asked:
        assert ("<reference answer" in text) == text.split("\n", 2)[1].startswith("sw")


def test_the_same_command_again_asks_nothing_and_writes_the_same(answers, tmp_path):
    first = graded(answers, Grader(by_question), tmp_path / "out")
    grader = Grader(by_question)
    assert graded(answers, grader, tmp_path / "out") == first
    assert grader.asked == []


@pytest.mark.parametrize("dies_after", [0, 1, 10, 23])
def test_a_killed_run_goes_on_and_asks_nothing_twice(answers, tmp_path, dies_after):
    with pytest.raises(RuntimeError, match="went away"):
        graded(answers, Grader(by_question, dies_after), tmp_path / "out")
    kept = rated_in(tmp_path / "out")
    assert len(kept) >= dies_after - 4  # all but the shard under way
    living = Grader(by_question)
    summary = graded(answers, living, tmp_path / "out")
    assert len(living.asked) == 24 - len(kept)
    assert summary.cost_usd == (dies_after + len(living.asked)) * 0.5
    whole = graded(answers, Grader(by_question), tmp_path / "whole")
    assert summary.results == whole.results
    assert rated_in(tmp_path / "out") == rated_in(tmp_path / "whole")


def test_more_languages_ask_only_what_is_new(answers, tmp_path):
    graded(answers, Grader(by_question), tmp_path / "out", languages=["sw"])
    grader = Grader(by_question)
    summary = graded(answers, grader, tmp_path / "out")
    assert len(grader.asked) == 12
    assert {text.split("\n", 2)[1][:2] for text in grader.asked} == {"de"}
    assert row_of(summary, "sw").n == row_of(summary, "de").n == 12


def test_unreadable_and_failed_are_unknown_and_never_zero(tmp_path):
    def grade(text):
        return "I cannot say." if text.split("\n", 2)[1] == "sw 0?" else by_question(text)

    def say(prompt):
        return None if prompt.text == "sw 1?" else long(prompt)

    path = evaluated(tmp_path / "A", prompts(12), say, "a@1")
    summary = graded(path, Grader(grade), tmp_path / "out")
    sw = row_of(summary, "sw")
    assert (sw.n, sw.unknown, sw.invalid, sw.unanswered) == (10, 2, 1, 1)
    assert sw.value == pytest.approx(0.5)
    kept = read_shard(tmp_path / "out" / "graded.parquet", Graded)
    assert [row.value for row in kept if row.language == "sw"].count(None) == 2
    mended = Grader(by_question)
    again = graded(path, mended, tmp_path / "out", again_unreadable=True)
    assert len(mended.asked) == 1
    assert row_of(again, "sw").unknown == 1


def test_a_judge_that_never_gives_a_grade_is_stopped_after_fifty(tmp_path):
    path = evaluated(tmp_path / "A", prompts(100), long, "a@1")
    grader = Grader(lambda text: f"{len(text)} is a number, no grade")
    with pytest.raises(ValueError, match=r"expected grades from 1 to 10 .* came 50 replies and n"):
        graded(path, grader, tmp_path / "out", families_per_shard=100)
    assert len(grader.asked) == 50
    mended = Grader(by_question)
    graded(path, mended, tmp_path / "out", families_per_shard=100)
    assert len(mended.asked) == 200


def test_a_folder_of_something_else_is_refused_and_left(answers, tmp_path):
    out = tmp_path / "out"
    graded(answers, Grader(by_question), out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    grader = Grader(by_question)
    other = grader.source._replace(settings={"model": "judge", "rating": {"show_gold": False}})
    with pytest.raises(ValueError, match=r"was made with settings.rating.show_gold = True"):
        rate_model(answers, other, out, silent=True)
    b = evaluated(tmp_path / "B", prompts(12), short, "b@1")
    with pytest.raises(ValueError, match=r"model = 'a@1' \(now 'b@1'\)"):
        graded(b, grader, out)
    changed = evaluated(tmp_path / "A2", prompts(12), short, "a@1")
    with pytest.raises(ValueError, match="holds ratings on other answers of the same samplers"):
        graded(changed, grader, out)
    (answers / "open").rename(answers / "chat")
    with pytest.raises(ValueError, match=r"task = 'open' \(now 'chat'\)"):
        graded(answers, grader, out)
    with pytest.raises(ValueError, match="holds the ratings of one model; give another --out"):
        compare_answers((answers, b), Court(), out)
    compare_answers((answers, b), Court(), tmp_path / "pairs")
    with pytest.raises(ValueError, match="holds the comparison of two models; give another --out"):
        graded(answers, grader, tmp_path / "pairs")
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert grader.asked == []


def test_nothing_but_failed_answers_is_refused(tmp_path):
    path = evaluated(tmp_path / "A", prompts(2), lambda p: None, "a@1")  # noqa: ARG005
    with pytest.raises(ValueError, match="nothing to grade: each of 4 answers failed"):
        graded(path, Grader(by_question), tmp_path / "out")


def two_turns(folder: Path, num: int = 6) -> Path:
    """An evaluation of a task with a second turn, as `isoglot evaluate --tasks mt_bench` leaves."""
    first = prompts(num)
    evaluated(folder, first, long, "a@1")
    later = [
        next_turn(p, long(p), replace(p, prompt_id=f"{p.prompt_id}-2", prompt=_user("Why?")))
        for p in first
    ]
    turn = folder / "open" / "turn-2"
    rows = [
        Completion(p.family, p.prompt_id, p.language, "a@1", 0, f"since {p.family}", "stop")
        for p in later
    ]
    for index, start in enumerate(range(0, len(later), 10)):
        some = slice(start, start + 10)
        write_shard(shard_path(turn / "prompts", index), later[some], Prompt)
        write_shard(shard_path(turn / "completions", index), rows[some], Completion)
    return folder


def _user(text: str):
    return ({"role": "user", "content": text},)


def test_each_turn_has_its_own_mean_beside_that_of_both(tmp_path):
    def grade(text):
        return f"Rating: {4 if 'Why?' in text else 8}"

    path = two_turns(tmp_path / "A")
    summary = graded(path, Grader(grade), tmp_path / "out")
    values = {m: row_of(summary, "sw", m).value for m in ("rating", "rating_turn_1")}
    values["rating_turn_2"] = row_of(summary, "sw", "rating_turn_2").value
    assert values == pytest.approx({"rating": 0.6, "rating_turn_1": 0.8, "rating_turn_2": 0.4})
    assert row_of(summary, "sw").n == 12
    assert row_of(summary, "sw", "rating_turn_2").n == 6
    assert row_of(summary, "sw", "rating_turn_2").invalid is None
    written = json.loads((tmp_path / "out" / "results.json").read_text())["results"]
    assert ["invalid" in row for row in written] == [r["metric"] == "rating" for r in written]
    assert group_of(summary, metric="rating_turn_2").value == pytest.approx(0.4)
    rows = rated_in(tmp_path / "out")
    assert {row.turn for row in rows} == {1, 2}
    shown = read_shard(shard_path(tmp_path / "out" / "prompts", 0), Prompt)
    assert {turn_of(prompt) for prompt in shown} == {1, 2}
    # one turn is one metric
    second = [row for row in rows if row.turn == 2]
    assert {row.metric for row in graded_ratings(second)} == {"rating"}


def test_two_graded_models_are_compared_and_what_a_judge_did_not_say_is_not_zero(tmp_path):
    def grade(better, unread=""):
        def say(text):
            if unread and text.split("\n", 2)[1] == unread:
                return "?"
            value = int(by_question(text).rpartition(" ")[2]) + better
            return f"Rating: {value}"

        return say

    for name, better, unread in (("A", 0, ""), ("B", 1, "sw 0?")):
        path = evaluated(tmp_path / name, prompts(12), long, f"{name.lower()}@1")
        graded(path, Grader(grade(better, unread)), tmp_path / f"rate-{name}")
    runs = compare_runs([tmp_path / "rate-A", tmp_path / "rate-B"])
    assert (runs.names, runs.unchecked) == (["a", "b"], [])
    (measure,) = runs.measures
    assert measure == Measure("open", "rating")
    _, values = compared_values(runs.runs, measure)
    assert values["sw"].change.value == pytest.approx(0.1)
    assert values["mean"].change.value == pytest.approx(0.1)
    c = evaluated(tmp_path / "C", prompts(11), long, "c@1")
    graded(c, Grader(by_question), tmp_path / "rate-C")
    with pytest.raises(ValueError, match="the prompts of open differ"):
        compare_runs([tmp_path / "rate-A", tmp_path / "rate-C"])
    other = evaluated(tmp_path / "D", prompts(12), long, "d@1")
    settings = Grader(by_question).source._replace(settings={"other": 1})
    rate_model(other, settings, tmp_path / "rate-D", silent=True, resamples=50)
    with pytest.raises(ValueError, match="not measured in the same way: a has how:"):
        compare_runs([tmp_path / "rate-A", tmp_path / "rate-D"])


def test_exports_show_grades_and_the_table_of_a_spreadsheet_values(answers, tmp_path):
    summary = graded(answers, Grader(by_question), tmp_path / "out")
    text = wide_table(summary).to_markdown().replace("\\", "")
    assert "| Swahili | 5.00 [" in text
    assert "| **Mean** | 5.50 [" in text
    assert "a@1; grades from 1 to 10, 95 % interval in brackets" in text
    assert "judge: judge@1" in text
    assert as_lm_eval(summary)["results"]["open_sw"]["rating,none"] == pytest.approx(5.0)
    assert "a@1,,open,rating,sw,,low,False,0.5," in flat_table(summary).to_csv()


def test_what_needs_two_answers_is_refused_for_one(tmp_path):
    for name, options, said in (
        ("oracle:last_number", {}, "--judge oracle:last_number compares two answers"),
        ("scorer:language_match", {}, "--judge scorer:language_match compares two answers"),
        ("openai:gpt", {"reading": "likelihood"}, "--reading likelihood compares two answers"),
        ("openai:gpt", {"second": tmp_path}, "--second compares two answers, and one was given"),
    ):
        with pytest.raises(ValueError, match=said):
            rater_of(name, **options)
    with pytest.raises(ValueError, match="max_cost_usd needs usd_per_million_prompt_tokens"):
        rater_of("openai:gpt", max_cost_usd=1)
    with pytest.raises(ValueError, match="expected a model on a server with a cost cap"):
        rater_of("lab", max_cost_usd=1)


def test_a_model_as_judge_is_known_by_its_answers_and_how_it_is_asked(tmp_path):
    path = tmp_path / "replies.jsonl"
    path.write_text('{"prompt_id": "x", "completion": "Rating: 4"}\n')
    source = model_rater(FileSamplerConfig(path=path))
    assert source.settings["rating"]["show_gold"] is True
    assert str(tmp_path) not in json.dumps(source.settings)
    assert source.load().name.startswith("replies@")
