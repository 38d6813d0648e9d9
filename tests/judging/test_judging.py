"""A comparison from folder to folder: what is asked, what is kept, what is refused."""

import gzip
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fakes import FakeSampler

from isoglot.core.day import day
from isoglot.core.protocols import no_tick
from isoglot.core.records import Completion, Prompt, Verdict
from isoglot.core.store import read_shard, shard_path, shard_paths, write_shard
from isoglot.judging.answers import AnswerColumns, read_answers
from isoglot.judging.compare import compare_answers as judge
from isoglot.judging.judges import JudgeSource, judge_of, model_judge, named_judge
from isoglot.models.file import FileSamplerConfig
from isoglot.models.judges.comparison import JudgeConfig, SamplerJudge
from isoglot.report.results.judging import JudgedComparison

TAGS = ("sw", "de")


class Court:
    """A judge in words that prefers the longer answer, counts, and may die or cost."""

    name = "judge@1"

    def __init__(self, dies_after: int | None = None, reply: str | None = None) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.loaded: list[list[str]] = []
        self.dies_after, self.reply = dies_after, reply
        self.cost_usd = 0.0

    @property
    def source(self) -> JudgeSource:
        def load(languages):
            self.loaded.append(list(languages))
            return self

        return JudgeSource({"model": "judge", "judge": {"reading": "text"}}, load)

    def judge(self, prompts, first, second, tick=no_tick):
        for prompt, *answers in zip(prompts, first, second, strict=True):
            if self.dies_after is not None and len(self.asked) >= self.dies_after:
                raise RuntimeError("the server went away")
            self.asked.append((prompt.prompt_id, *answers))
            self.cost_usd += 0.5
        longer = {True: "Verdict: A", False: "Verdict: B"}
        sampler = FakeSampler(
            lambda prompt, i: self.reply or longer[_shown(prompt, "A") > _shown(prompt, "B")]  # noqa: ARG005
        )
        config = JudgeConfig(template="{prompt}{first}{second}{language}")
        return SamplerJudge(sampler, config).judge(prompts, first, second, tick)


def _shown(prompt: Prompt, label: str) -> int:
    """How many characters of an answer the judge was shown."""
    return len(prompt.text.split(f"<answer {label} ")[1].split(f"\n</answer {label} ")[0])


def prompts(num: int, tags=TAGS, start: int = 0) -> list[Prompt]:
    return [
        Prompt.from_text(f"{tag} {i}?", language=tag, family=f"f{i:03}", gold=str(i))
        for i in range(start, start + num)
        for tag in tags
    ]


def evaluated(folder: Path, asked: list[Prompt], say, name: str, per_shard: int = 10) -> Path:
    """A folder as `isoglot evaluate` leaves it; `say` gives a text, None is a failure."""
    for index in range(0, len(asked), per_shard):
        shard = asked[index : index + per_shard]
        rows = [
            Completion(
                *(p.family, p.prompt_id, p.answer_language, name, 0, say(p) or ""),
                "error" if say(p) is None else "stop",
            )
            for p in shard
        ]
        part = shard_path(folder / "open" / "prompts", index // per_shard)
        write_shard(part, shard, Prompt)
        write_shard(folder / "open" / "completions" / part.name, rows, Completion)
    return folder


def long(prompt: Prompt) -> str:
    return f"a long answer to {prompt.text}"


def short(prompt: Prompt) -> str:
    return f"to {prompt.text}"


@pytest.fixture
def runs(tmp_path) -> tuple[Path, Path]:
    asked = prompts(12)
    return (
        evaluated(tmp_path / "A", asked, long, "a@1"),
        evaluated(tmp_path / "B", asked, short, "b@1", per_shard=6),
    )


def compare(runs, court: Court, out: Path, **options):
    options = {"silent": True, "resamples": 50, "families_per_shard": 2, **options}
    return judge(*runs, court.source, out, **options)


def verdicts_in(out: Path) -> list[Verdict]:
    return [row for path in shard_paths(out / "verdicts") for row in read_shard(path, Verdict)]


def value_of(summary, metric: str, language: str = "mean"):
    (row,) = [row for row in summary.results if (row.metric, row.language) == (metric, language)]
    return row


def test_a_comparison_is_judged_in_both_orders_and_written(runs, tmp_path):
    court, out = Court(), tmp_path / "out"
    summary = compare(runs, court, out, seed=3)
    assert len(court.asked) == 48
    assert len(set(court.asked)) == 48
    assert court.loaded == [["de", "sw"]]
    rows = verdicts_in(out)
    assert len(rows) == 24
    assert {row.outcome for row in rows} == {"win"}
    assert rows[0].forward_text == "Verdict: A"
    assert JudgedComparison.read(out / "results.json", mend="") == summary
    names = [getattr(summary, key) for key in ("a", "b", "judge", "seed", "cost_usd")]
    assert names == ["a@1", "b@1", "judge@1", 3, 24.0]
    win_rate = value_of(summary, "win_rate", "sw")
    assert (win_rate.value, win_rate.wins, win_rate.n, win_rate.invalid) == (
        *(1.0, 12, 12),
        0,
    )
    assert win_rate.signature.startswith("win_rate|a:a@1|b:b@1|judge:judge@1|how:")
    rows = json.loads((out / "results.json").read_text())["results"]
    assert ["wins" in row for row in rows] == [row["metric"] == "win_rate" for row in rows]
    record = json.loads((out / "judge.json").read_text())
    assert record["settings"] == {"model": "judge", "judge": {"reading": "text"}}


def test_shards_hold_whole_families_and_what_was_compared(runs, tmp_path):
    compare(runs, Court(), tmp_path / "out")
    seen = set()
    for part in shard_paths(tmp_path / "out" / "verdicts"):
        rows = {
            folder: read_shard(tmp_path / "out" / folder / part.name, kind)
            for folder, kind in (
                *(("prompts", Prompt), ("a", Completion), ("b", Completion)),
                ("verdicts", Verdict),
            )
        }
        keys = [[(row.family, row.prompt_id) for row in found] for found in rows.values()]
        assert keys[0] == keys[1] == keys[2] == keys[3]
        families = {family for family, _ in keys[0]}
        assert len(families) <= 2
        assert not families & seen
        seen |= families
    assert len(seen) == 12


def test_the_same_command_again_asks_nothing_and_loads_no_judge(runs, tmp_path):
    first = compare(runs, Court(), tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("part-*")}
    court = Court()
    assert compare(runs, court, tmp_path / "out") == first
    assert (court.asked, court.loaded) == ([], [])
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_judge_that_goes_on_keeps_the_day_of_its_beginning(runs, tmp_path):
    class Dated(Court):
        days: ClassVar[set[date]] = set()

        def judge(self, *given, **keys):
            self.days.add(day())
            return super().judge(*given, **keys)

    with pytest.raises(RuntimeError):
        compare(runs, Dated(10), tmp_path / "out")
    record = json.loads((tmp_path / "out/judge.json").read_text())
    assert Dated.days == {date.fromisoformat(record["day"])} == {date.today()}
    (tmp_path / "out/judge.json").write_text(json.dumps({**record, "day": "2026-02-28"}))
    Dated.days.clear()
    compare(runs, Dated(), tmp_path / "out")
    assert Dated.days == {date(2026, 2, 28)}
    assert json.loads((tmp_path / "out/judge.json").read_text())["day"] == "2026-02-28"


@pytest.mark.parametrize("dies_after", [0, 1, 10, 25, 47])
def test_a_killed_comparison_goes_on_and_asks_nothing_twice(runs, tmp_path, dies_after):
    dying, living = Court(dies_after), Court()
    with pytest.raises(RuntimeError, match="went away"):
        compare(runs, dying, tmp_path / "out")
    kept = verdicts_in(tmp_path / "out")
    asked_and_kept = {row.prompt_id for row in kept}
    assert len(kept) >= (dies_after - 8) / 2  # all but the shard under way
    summary = compare(runs, living, tmp_path / "out")
    assert not asked_and_kept & {prompt_id for prompt_id, *_ in living.asked}
    assert len(living.asked) == 48 - 2 * len(kept)
    whole = compare(runs, Court(), tmp_path / "whole")
    assert summary.results == whole.results
    assert summary.cost_usd == (dies_after + len(living.asked)) * 0.5
    parts = [shard_paths(tmp_path / name / "verdicts") for name in ("out", "whole")]
    for one, other in zip(*parts, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_more_prompts_and_languages_ask_only_what_is_new(runs, tmp_path):
    compare(runs, Court(), tmp_path / "out", languages=["sw"])
    court = Court()
    compare(runs, court, tmp_path / "out")
    ids = {prompt.prompt_id: prompt.language for prompt in prompts(20)}
    assert len(court.asked) == 24
    assert {ids[prompt_id] for prompt_id, *_ in court.asked} == {"de"}
    asked = [*prompts(4, start=12), *prompts(12)]  # in another order, in other shards
    more = (
        evaluated(tmp_path / "A2", asked, long, "a@1", per_shard=8),
        evaluated(tmp_path / "B2", asked, short, "b@1", per_shard=16),
    )
    court = Court()
    summary = compare(more, court, tmp_path / "out")
    assert len(court.asked) == 16
    assert value_of(summary, "win_rate", "sw").n == 16
    fresh = compare(more, Court(), tmp_path / "fresh")
    assert summary.results == fresh.results
    families = [
        {row.family for row in read_shard(path, Verdict)}
        for path in shard_paths(tmp_path / "out" / "verdicts")
    ]
    assert sum(map(len, families)) == len(set().union(*families)) == 16


def test_results_are_of_all_that_stands_in_the_folder(runs, tmp_path):
    whole = compare(runs, Court(), tmp_path / "out")
    again = compare(runs, Court(), tmp_path / "out", languages=["sw"])
    assert again.results == whole.results


def test_a_failed_answer_is_not_judged_and_counted(tmp_path):
    asked = prompts(6)
    runs = (
        evaluated(tmp_path / "A", asked, lambda p: None if p.text == "sw 3?" else long(p), "a@1"),
        evaluated(tmp_path / "B", asked, short, "b@1"),
    )
    court = Court()
    summary = compare(runs, court, tmp_path / "out")
    assert len(court.asked) == 22
    row = value_of(summary, "win_rate", "sw")
    assert (row.n, row.unknown, row.unanswered, row.invalid) == (5, 1, 1, 0)
    assert compare(runs, court, tmp_path / "out") == summary
    assert len(court.asked) == 22


def test_nothing_but_failed_answers_is_refused(tmp_path):
    asked = prompts(2)
    runs = (
        evaluated(tmp_path / "A", asked, lambda p: None, "a@1"),  # noqa: ARG005
        evaluated(tmp_path / "B", asked, short, "b@1"),
    )
    with pytest.raises(ValueError, match="nothing to compare: each of 4 pairs has an answer that"):
        compare(runs, Court(), tmp_path / "out")


def test_a_judge_that_never_answers_in_the_form_is_stopped_early(tmp_path):
    asked = prompts(100)
    runs = (
        evaluated(tmp_path / "A", asked, long, "a@1"),
        evaluated(tmp_path / "B", asked, short, "b@1"),
    )
    court = Court(reply="As a model I\n\tcannot \x1b[31mjudge.")
    with pytest.raises(ValueError, match="came 50 replies and none that can be read") as error:
        compare(runs, court, tmp_path / "out", families_per_shard=100)
    assert len(court.asked) == 50
    mended = Court()
    compare(runs, mended, tmp_path / "out", families_per_shard=100)
    assert len(mended.asked) == 400
    assert r"As a model I\n\tcannot \x1b[31mjudge." in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_a_judge_that_cannot_be_read_on_a_few_pairs_is_said_too(runs, tmp_path):
    with pytest.raises(ValueError, match="came 48 replies and none that can be read"):
        compare(runs, Court(reply="well"), tmp_path / "out")
    assert not (tmp_path / "out" / "results.json").exists()


def test_unreadable_verdicts_stay_counted_until_they_are_asked_again(runs, tmp_path):
    class Sometimes(Court):
        def judge(self, prompts, first, second, tick=no_tick):
            judged = super().judge(prompts, first, second, tick)
            return [
                one._replace(score=None) if prompt.language == "de" else one
                for prompt, one in zip(prompts, judged, strict=True)
            ]

    summary = compare(runs, Sometimes(), tmp_path / "out")
    row = value_of(summary, "win_rate", "de")
    assert (row.value, row.n, row.invalid, row.unknown) == (None, 0, 12, 12)
    assert value_of(summary, "win_rate").value == 1.0
    court = Court()
    assert compare(runs, court, tmp_path / "out") == summary
    assert court.asked == []
    again = compare(runs, Court(reply="?"), tmp_path / "out", again_invalid=True)
    assert again == summary.model_copy(update={"cost_usd": summary.cost_usd + 12})
    mended = compare(runs, court, tmp_path / "out", again_invalid=True)
    assert len(court.asked) == 24
    assert value_of(mended, "win_rate", "de").n == 12


def other_settings(court: Court) -> JudgeSource:
    return court.source._replace(settings={"model": "judge", "judge": {"reading": "likelihood"}})


def test_a_folder_of_another_judge_or_sampler_is_refused_and_left(runs, tmp_path):
    compare(runs, Court(), tmp_path / "out")
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    with pytest.raises(ValueError, match=r"settings.judge.reading = 'text' \(now 'likelihood'\)"):
        judge(*runs, other_settings(Court()), tmp_path / "out", silent=True)
    with pytest.raises(
        ValueError, match=r"a = 'a@1' \(now 'b@1'\); b = 'b@1' \(now 'a@1'\): give another --out"
    ):
        compare(runs[::-1], Court(), tmp_path / "out")
    others = evaluated(tmp_path / "A2", prompts(12), lambda p: long(p) + "!", "a@1")
    with pytest.raises(
        ValueError, match=r"on other answers of the same samplers \(24 differ, as to 'sw 0"
    ):
        compare((others, runs[1]), Court(), tmp_path / "out")
    assert {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()} == before


def test_runs_on_different_prompts_are_refused_with_the_difference(tmp_path):
    a = evaluated(tmp_path / "A", prompts(12), long, "a@1")
    b = evaluated(tmp_path / "B", prompts(9), short, "b@1")
    with pytest.raises(
        ValueError, match=r"has 6 of 24 that .*B lacks \(3 de, 3 sw\), as '(de|sw) 9\?'"
    ):
        compare((a, b), Court(), tmp_path / "out")
    with pytest.raises(ValueError, match=r"has 6 of 24 that .*B lacks \(3 de, 3 sw\)"):
        compare((b, a), Court(), tmp_path / "out")
    reworded = [
        replace(p, prompt=({"role": "user", "content": "other"},)) if i == 2 else p
        for i, p in enumerate(prompts(12))
    ]
    c = evaluated(tmp_path / "C", reworded, short, "c@1")
    with pytest.raises(ValueError, match=r"is 'sw 1\?' in .*A and 'other' in .*C"):
        compare((a, c), Court(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_fewer_languages_on_one_side_can_be_named(tmp_path):
    a = evaluated(tmp_path / "A", prompts(3, ("sw", "de")), long, "a@1")
    b = evaluated(tmp_path / "B", prompts(3, ("sw",)), short, "b@1")
    with pytest.raises(ValueError, match=r"lacks \(3 de\)"):
        compare((a, b), Court(), tmp_path / "out")
    summary = compare((a, b), Court(), tmp_path / "out", languages=["sw"])
    assert value_of(summary, "win_rate", "sw").n == 3
    with pytest.raises(
        ValueError, match=r"expected the answers of one model in fr in .*A, came no"
    ):
        compare((a, b), Court(), tmp_path / "fr", languages=["fr"])
    with pytest.raises(ValueError, match="unknown language 'swahili'"):
        compare((a, b), Court(), tmp_path / "fr", languages=["swahili"])


def test_system_prompts_may_differ_and_are_then_not_shown(tmp_path):
    asked = prompts(2)
    system = {"role": "system", "content": "Be long."}
    told = [replace(p, prompt=(system, *p.prompt)) for p in asked]
    runs = (
        evaluated(tmp_path / "A", told, long, "a@1"),
        evaluated(tmp_path / "B", asked, short, "b@1"),
    )
    compare(runs, Court(), tmp_path / "out")
    shown = read_shard(shard_path(tmp_path / "out" / "prompts", 0), Prompt)
    assert [prompt.prompt for prompt in shown] == [prompt.prompt for prompt in asked]


def test_in_a_second_turn_the_first_answers_are_part_of_what_is_compared(tmp_path):
    def second_turn(prompt, first_answer):
        turns = (
            {"role": "assistant", "content": first_answer},
            {"role": "user", "content": "Why?"},
        )
        return replace(prompt, prompt=(*prompt.prompt, *turns))

    asked = prompts(2, ("sw",))
    runs = (
        evaluated(tmp_path / "A", [second_turn(p, "Yes.") for p in asked], long, "a@1"),
        evaluated(tmp_path / "B", [second_turn(p, "No.") for p in asked], short, "b@1"),
    )
    court = Court()
    compare(runs, court, tmp_path / "out")
    shown = read_shard(shard_path(tmp_path / "out" / "prompts", 0), Prompt)
    assert [prompt.text for prompt in shown] == ["sw 0?", "sw 1?"]
    ours = f"assistant: Yes.\n\nuser: Why?\n\nassistant: {long(second_turn(asked[0], ''))}"
    assert court.asked[0][1] == ours
    assert court.asked[0][2].startswith("assistant: No.\n\nuser: Why?\n\nassistant: to Why?")


def test_all_turns_of_a_task_are_compared_and_a_family_stays_in_one_shard(tmp_path):
    for name, say in (("A", long), ("B", short)):
        first = prompts(4)
        later = [
            Prompt.from_text(f"Why {p.text}", language=p.language, family=p.family) for p in first
        ]
        sampler = f"{name.lower()}@1"
        evaluated(tmp_path / name, first, say, sampler)
        evaluated(tmp_path / "later" / name, later, say, sampler)
        (tmp_path / "later" / name / "open").rename(tmp_path / name / "open" / "turn-2")
    out = tmp_path / "out"
    summary = compare((tmp_path / "A", tmp_path / "B"), Court(), out, families_per_shard=3)
    assert value_of(summary, "win_rate", "sw").n == 8
    parts = [read_shard(path, Verdict) for path in shard_paths(out / "verdicts")]
    assert [len({row.family for row in part}) for part in parts] == [3, 1]
    (tmp_path / "A" / "open" / "turn-2" / "completions" / "part-00000.parquet").unlink()
    with pytest.raises(ValueError, match=r"expected completions in .* in .*turn-2/completions"):
        read_answers(tmp_path / "A")


def test_agreement_with_the_folder_of_another_judge_whichever_way_round(runs, tmp_path):
    class Contrary(Court):
        name = "contrary@1"

        def judge(self, prompts, first, second, tick=no_tick):
            judged = super().judge(prompts, first, second, tick)
            return [one._replace(score=1 - one.score) for one in judged]

    compare(runs, Court(), tmp_path / "one")
    compare(runs[::-1], Court(), tmp_path / "turned")
    compare(runs, Contrary(), tmp_path / "other")
    for name, alpha in (("turned", None), ("other", -1.0)):
        summary = compare(runs, Court(), tmp_path / "one", second=tmp_path / name)
        row = value_of(summary, "agreement", "sw")
        assert row.n == 12
        # alpha of a perfect disagreement is 0 less 1 / (2n - 1) of each: near -1
        assert row.value == (alpha if alpha is None else pytest.approx(alpha, abs=0.1))
    with pytest.raises(ValueError, match=r"expected verdicts in .*nowhere, came none"):
        compare(runs, Court(), tmp_path / "one", second=tmp_path / "nowhere")
    third = evaluated(tmp_path / "C", prompts(12), short, "c@1")
    compare((runs[0], third), Court(), tmp_path / "third")
    with pytest.raises(
        ValueError, match=r"expected verdicts on a@1 and b@1 in .*third, came a@1 an"
    ):
        compare(runs, Court(), tmp_path / "one", second=tmp_path / "third")


def test_an_oracle_and_a_scorer_can_be_named():
    assert named_judge("meta-llama/Llama") is None
    source = named_judge("oracle:last_number")
    prompt = Prompt.from_text("2 + 2?", language="sw", gold="4")
    (judgement,) = source.load(["sw"]).judge([prompt], ["Ni 4."], ["Ni 5."])
    assert judgement.score == 1.0
    scorer = named_judge("scorer:language_match").load(["sw", "de"])
    german = "Das ist ein ganz gewöhnlicher deutscher Satz über das Wetter von heute."
    swahili = "Hali ya hewa ya leo ni nzuri sana na watoto wanacheza nje ya nyumba."
    (judgement,) = scorer.judge([prompt], [german], [swahili])
    assert judgement.score == 0.0
    with pytest.raises(ValueError, match="expected oracle:NAME with one of last_number, "):
        named_judge("oracle:nothing")
    with pytest.raises(ValueError, match="expected scorer:NAME with language_match"):
        named_judge("scorer:")
    with pytest.raises(ValueError, match="expected a model as judge with --reading text, got 'or"):
        judge_of("oracle:last_number", answers=Path(), reading="text")


def test_oracle_over_folders(runs, tmp_path):
    """Both end in the number of the question, which is the gold: ties, and consistent ones."""
    summary = judge(*runs, named_judge("oracle:last_number"), tmp_path / "out", silent=True)
    assert value_of(summary, "win_rate", "sw").ties == 12
    assert value_of(summary, "swap_consistency").value == 1
    assert summary.cost_usd is None


def test_a_sampler_judge_is_known_by_its_answers_and_how_it_is_asked(tmp_path):
    path = tmp_path / "replies.jsonl"
    path.write_text('{"prompt_id": "x", "completion": "Verdict: A"}\n')
    source = model_judge(FileSamplerConfig(path=path), JudgeConfig(reading="text"))
    assert source.settings["judge"]["reading"] == "text"
    assert str(tmp_path) not in json.dumps(source.settings)
    assert source.load(["sw"]).name.startswith("replies@")


def write_lines(path: Path, rows: list[dict]) -> Path:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return path


def published(model: str, text: str, num: int = 3) -> list[dict]:
    """Rows as X-AlpacaEval has them."""
    return [
        {"lang": tag, "index": i, "generator": model, "instruction": f"{tag} {i}?", "output": text}
        for i in range(num)
        for tag in ("sw", "zh")
    ]


def test_two_files_of_completions_are_compared(tmp_path):
    runs = (
        write_lines(tmp_path / "a.jsonl", published("a", "a long answer")),
        write_lines(tmp_path / "b.jsonl.gz", published("b", "short")[::-1]),
    )
    summary = compare(runs, Court(), tmp_path / "out")
    assert (summary.a.split("@")[0], summary.b.split("@")[0]) == ("a", "b")
    assert value_of(summary, "win_rate", "zh-Hans").wins == 3
    rows = verdicts_in(tmp_path / "out")
    assert len({row.family for row in rows}) == 3  # one family in both languages
    assert value_of(summary, "win_rate").value == 1.0


def test_columns_and_language_of_a_file_can_be_named(tmp_path):
    rows = [{"q": "?", "r": "yes"}, {"q": "!", "r": "no"}]
    path = write_lines(tmp_path / "a.jsonl", rows)
    with pytest.raises(ValueError, match=r"expected a column `language` in .*came q, r; name the"):
        read_answers(path)
    with pytest.raises(
        ValueError, match=r"expected a column 'prompt' in .*came q, r; name the col"
    ):
        read_answers(path, languages=["sw"])
    columns = AnswerColumns(prompt="q", completion="r")
    answers = read_answers(path, languages=["sw"], columns=columns)
    assert answers.languages == ["sw"]
    assert answers.sampler.startswith("a@")
    parquet = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(rows), parquet)
    other = read_answers(parquet, languages=["sw"], columns=columns)
    answers.require_same_prompts(other)


def test_what_is_neither_folder_nor_file_is_refused(runs, tmp_path):
    with pytest.raises(
        ValueError, match=r"expected a folder of `isoglot evaluate` or a file .* noth"
    ):
        read_answers(tmp_path / "nowhere")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(ValueError, match="came a file of another kind; correct the path"):
        read_answers(tmp_path / "a.txt")
    (tmp_path / "bad.jsonl").write_text("{")
    with pytest.raises(ValueError, match=r"bad\.jsonl, row 1: expected JSON, came '{'"):
        read_answers(tmp_path / "bad.jsonl", languages=["sw"])
    with pytest.raises(ValueError, match=r"expected one task with prompts and completions .* 0"):
        read_answers(tmp_path / "A" / "open" / "prompts")
    (runs[0] / "open").rename(runs[0] / "second")
    evaluated(runs[0], prompts(1), long, "a@1")
    evaluated(runs[0] / "baseline", prompts(1), long, "base@1")  # as `--baseline` leaves it
    with pytest.raises(ValueError, match="came 2; name one of open, second as task"):
        read_answers(runs[0])
    assert read_answers(runs[0], task="second").languages == ["de", "sw"]
    shard_path(runs[1] / "open" / "completions", 0).unlink()
    with pytest.raises(ValueError, match=r"expected completions in the same parts as .*part-00000"):
        read_answers(runs[1])


def test_a_damaged_shard_says_which(runs, tmp_path):
    compare(runs, Court(), tmp_path / "out")
    path = shard_path(tmp_path / "out" / "verdicts", 1)
    path.write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"cannot read .*verdicts/part-00001"):
        compare(runs, Court(), tmp_path / "out")
    path.unlink()
    court = Court()
    compare(runs, court, tmp_path / "out")
    assert len(court.asked) == 8
