"""Comparisons of two samplers: a judge's verdicts on their answers, then results.

The folder of a comparison holds what was compared (`prompts/`, `a/`, `b/`), the judge's
`verdicts/`, `judge.json` and `results.json`. Resuming and extending it: `judging/folder.py`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from isoglot.core.day import day_kept
from isoglot.core.errors import InputError
from isoglot.core.protocols import Judge
from isoglot.core.records import Verdict
from isoglot.core.store import read_shard, shard_paths
from isoglot.core.version import __version__
from isoglot.execute.folder import owned_folder
from isoglot.execute.progress import Bar
from isoglot.judging.answers import AnswerColumns, JudgedItem, paired_answers, read_answers
from isoglot.judging.folder import JUDGE_RECORD, JudgedFolder, JudgingKind
from isoglot.judging.judges import JudgeSource
from isoglot.judging.verdicts import judge_pairs, swap_sides, verdict_replies
from isoglot.judging.win_rate import summarise_verdicts
from isoglot.models.load import servers_in
from isoglot.report.results.judging import ComparisonRecord, JudgedComparison

_COMPARISON = JudgingKind(
    sides=("a", "b"),
    records="verdicts",
    record_type=Verdict,
    replies=verdict_replies,
    num_replies=2,
    form="verdicts (`Verdict: A`, `B` or `tie` at the end)",
)


def compare_answers(
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
) -> JudgedComparison:
    """Compare the answers at `a` with those at `b`; write and return the results of all verdicts.

    `a`, `b`, `task`, `languages` and `columns` are those of `read_answers`. `second` is the folder
    of another judge's comparison of the same samplers, for agreement. `again_invalid` judges again
    where a verdict was unreadable. An interruption loses no more than the shard of
    `families_per_shard` families in progress.

    Raises:
        InputError: different prompts, an `out` of other samplers, answers or judge, nothing to
            compare, or a judge whose first 50 replies are all unreadable.
    """
    ours, theirs = (
        read_answers(path, task=task, languages=languages, columns=columns) for path in (a, b)
    )
    ours.require_same_prompts(theirs)
    others = _read_second(second, ours.sampler, theirs.sampler) if second else []
    head = ComparisonRecord(
        a=ours.sampler,
        b=theirs.sampler,
        settings=dict(judge.settings),
        sources={"a": str(ours.path), "b": str(theirs.path), "task": task},
    )
    with owned_folder(out, "judging"), day_kept(out / JUDGE_RECORD) as day, servers_in(out):
        folder = JudgedFolder(out, head.model_copy(update={"day": day}), _COMPARISON)
        folder.add(lambda: paired_answers(ours, theirs), families_per_shard)
        folder.judge_missing(
            lambda: judge.load(ours.languages),
            _judge_items,
            "judge",
            retry_unreadable=again_invalid,
            silent=silent,
        )
        comparison = _summarise(folder, others, seed, resamples)
        comparison.write(out / "results.json")
    return comparison


def _judge_items(items: Sequence[JudgedItem], judge: Judge, bar: Bar) -> list[Verdict]:
    a, b = zip(*(item.answers for item in items), strict=True)
    return judge_pairs([item.prompt for item in items], a, b, judge, bar)


def _summarise(
    folder: JudgedFolder[Verdict], second: Sequence[Verdict], seed: int, resamples: int
) -> JudgedComparison:
    verdicts = [replace(row, forward_text="", backward_text="") for row in folder.records()]
    unanswered = Counter(prompt.answer_language for prompt in folder.unanswered())
    if not verdicts:
        raise InputError(
            f"nothing to compare: each of {unanswered.total()} pairs has an answer that failed "
            "(finish reason `error`); complete the answers"
        )
    a, b, judge = verdicts[0].a, verdicts[0].b, verdicts[0].judge
    results = summarise_verdicts(
        verdicts,
        seed=seed,
        signature=f"win_rate|a:{a}|b:{b}|judge:{judge}|how:{folder.settings_id}|orders:both"
        f"|unlike:tie|resamples:{resamples}|seed:{seed}|v:{__version__}",
        unanswered=unanswered,
        second=second,
        resamples=resamples,
    )
    return JudgedComparison(
        a=a, b=b, judge=judge, seed=seed, cost_usd=folder.cost_usd, results=results
    )


def _read_second(folder: Path, a: str, b: str) -> list[Verdict]:
    """Read another judge's verdicts, from A's side."""
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
