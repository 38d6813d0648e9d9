"""Comparing two samplers: their answers to a judge in both orders, shard by shard, then results.

The folder of a comparison holds what was compared (`prompts/`, `a/`, `b/`), what the judge said
(`verdicts/`), and `judge.json` and `results.json`. All four are in the same parts of whole
families. A comparison that was interrupted goes on; one with more prompts or languages asks for
those only. `results.json` is of all that stands in the folder.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.protocols import Judge
from isoglot.core.records import Verdict
from isoglot.core.store import read_shard, shard_paths, write_json
from isoglot.evals.graders import GRADERS
from isoglot.execute.progress import Bar, Bars
from isoglot.judging.answers import AnswerColumns, Answers, Pair, pairs_of, read_answers
from isoglot.judging.folder import JudgedFolder, Kind, count_by_language
from isoglot.judging.verdicts import judge_pairs, replies_of, swap_sides
from isoglot.judging.win_rate import JudgedResult, summarise_verdicts
from isoglot.lab.shipped import lab_path
from isoglot.models.judge import JudgeConfig, OracleJudge, ScorerJudge
from isoglot.models.load import (
    ModelConfig,
    answer_settings,
    load_identifier,
    load_judge,
    load_scorers,
    scorer_config,
    scorer_settings,
)


class JudgeSource(NamedTuple):
    """A judge that is not loaded yet."""

    settings: Mapping[str, Any]
    """What decides its verdicts; a folder of another judge's verdicts is refused."""
    load: Callable[[Sequence[str]], Judge]
    """Makes the judge for these languages."""


def model_judge(model: ModelConfig, config: JudgeConfig | None = None) -> JudgeSource:
    """Any sampler as judge."""
    asked = config or JudgeConfig()
    settings = {**answer_settings(model), "judge": asked.model_dump(mode="json")}
    return JudgeSource(settings, lambda languages: load_judge(model, asked))  # noqa: ARG005


def named_judge(name: str) -> JudgeSource | None:
    """`oracle:GRADER` compares grades against the gold, `scorer:NAME` rewards (`language_match`, or
    the folder or hub id of a reward model); None for any other.

    Raises InputError for a grader or a scorer that there is not.
    """
    kind, _, which = name.partition(":")
    if kind == "oracle":
        if which not in GRADERS:
            raise InputError(
                f"expected oracle:NAME with one of {', '.join(GRADERS)} as judge, got {name!r}"
            )
        grader = GRADERS[which]  # type: ignore[index]
        return JudgeSource({"name": name}, lambda languages: OracleJudge(grader, name))  # noqa: ARG005
    if kind != "scorer":
        return None
    if not which:
        raise InputError(
            "expected scorer:NAME with language_match, or the folder or hub id of a reward model, "
            f"as judge, got {name!r}"
        )
    scorer = scorer_config(lab_path(which))

    def load(languages: Sequence[str]) -> Judge:
        return ScorerJudge(load_scorers([scorer], load_identifier(languages))[0])

    return JudgeSource({"name": name, **scorer_settings(scorer)}, load)


def judge(
    a: Path,
    b: Path,
    judge: JudgeSource,
    out: Path,
    *,
    task: str | None = None,
    languages: Sequence[str] = (),
    columns: AnswerColumns | None = None,
    second: Path | None = None,
    again_invalid: bool = False,
    families_per_shard: int = 16,
    seed: int = 1,
    resamples: int = 1000,
    silent: bool = False,
) -> dict[str, Any]:
    """Compare the answers at `a` with those at `b`, and return what `out/results.json` holds.

    `a` and `b` are what `read_answers` reads, `task`, `languages` and `columns` with it. `second`
    is the folder of another judge's comparison of the same samplers, for agreement.
    `again_invalid` asks again for verdicts that could not be read. What was judged stays in `out`
    whatever happens, but for the shard of `families_per_shard` families under way.

    Raises:
        InputError: different prompts, an `out` of other samplers, answers or judge, nothing to
            compare, or a judge none of whose first 50 replies could be read.
    """
    ours, theirs = (
        read_answers(path, task=task, languages=languages, columns=columns) for path in (a, b)
    )
    ours.require_same_prompts(theirs)
    others = _read_second(second, ours.sampler, theirs.sampler) if second else []
    folder = JudgedFolder(out, _head(ours, theirs, judge, task), _COMPARISON)
    folder.check()
    folder.add(lambda: pairs_of(ours, theirs), families_per_shard)
    with Bars(silent=silent) as bars:
        bar = bars.bar("judge", 2 * folder.num_shown())
        folder.ask_all(lambda: judge.load(ours.languages), _ask, again_invalid, bar)
    return _summarise(folder, out, others, seed, resamples)


_COMPARISON = Kind(
    ("a", "b"), Pair, "verdicts", Verdict, replies_of, 2,
    "verdicts (`Verdict: A`, `B` or `tie` at the end)",
)  # fmt: skip


def _head(a: Answers, b: Answers, judge: JudgeSource, task: str | None) -> dict[str, Any]:
    settings = json.loads(json.dumps(judge.settings))
    sources = {"a": str(a.where), "b": str(b.where), "task": task}
    return {"a": a.sampler, "b": b.sampler, "settings": settings, "sources": sources}


def _ask(pairs: Sequence[Pair], judge: Judge, bar: Bar) -> list[Verdict]:
    prompts, a, b = zip(*pairs, strict=True)
    return judge_pairs(prompts, a, b, judge, bar)


def _summarise(
    folder: JudgedFolder[Pair, Verdict],
    out: Path,
    second: Sequence[Verdict],
    seed: int,
    resamples: int,
) -> dict[str, Any]:
    """Write `results.json` of all verdicts in the folder."""
    from isoglot.core.version import __version__

    verdicts = [replace(row, forward_text="", backward_text="") for row in folder.said()]
    unanswered = count_by_language(folder.unanswered())
    if not verdicts:
        raise InputError(
            f"nothing to compare: each of {unanswered.total()} pairs has an answer that failed "
            "(finish reason `error`); complete the answers"
        )
    a, b, judge = verdicts[0].a, verdicts[0].b, verdicts[0].judge
    results = summarise_verdicts(
        verdicts,
        seed=seed,
        signature=f"win_rate|a:{a}|b:{b}|judge:{judge}|how:{folder.how}|orders:both|unlike:tie"
        f"|resamples:{resamples}|seed:{seed}|v:{__version__}",
        unanswered=unanswered,
        second=second,
        resamples=resamples,
    )
    summary = {"a": a, "b": b, "judge": judge, "seed": seed, "cost_usd": folder.cost_usd}
    summary["results"] = [_json_row(row) for row in results]
    write_json(out / "results.json", summary)
    return summary


def _read_second(folder: Path, a: str, b: str) -> list[Verdict]:
    """Another judge's verdicts, from A's side."""
    verdicts: list[Verdict] = []
    for path in shard_paths(folder / "verdicts"):
        for row in read_shard(path, Verdict):
            seen = row if (row.a, row.b) == (a, b) else swap_sides(row)
            if (seen.a, seen.b) != (a, b):
                raise InputError(
                    f"expected verdicts on {a} and {b} in {folder}, came {row.a} and {row.b}; "
                    "give the folder of another judge on the same samplers"
                )
            verdicts.append(replace(seen, forward_text="", backward_text=""))
    if not verdicts:
        raise InputError(f"expected verdicts in {folder}, came none; run `isoglot judge` first")
    return verdicts


def _json_row(row: JudgedResult) -> dict[str, Any]:
    """Counts stand on the rows of the win rate only."""
    counts = ("wins", "ties", "losses", "invalid", "unanswered")
    return {k: v for k, v in asdict(row).items() if v is not None or k not in counts}
