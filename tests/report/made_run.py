"""Run directories with invented numbers, in the product's own types."""

from pathlib import Path

from isoglot.core.records import Dropped, Preference
from isoglot.core.store import write_json, write_shard
from isoglot.report.results.rows import ResultRow
from isoglot.report.results.summary import (
    SUMMARY_FILE,
    LanguagePairs,
    Lengths,
    PairCounts,
    RewardAccuracyRow,
    RoundSummary,
    RunSummary,
)

LANGUAGES = {"en": True, "sw": True, "de": True, "it": False}
"""Tag → whether the run trained on it."""

VALUES = {"en": (0.827, 0.763), "sw": (0.484, 0.72), "de": (0.698, 0.76), "it": (0.513, 0.579)}
"""Accuracies of M0 and M1."""


def result(language: str, value: float | None, metric: str = "accuracy", **columns) -> ResultRow:
    known = {} if value is None else {"low": value - 0.03, "high": value + 0.03}
    fields = {
        "task": "lab_math",
        "trained": LANGUAGES.get(language, False),
        "n": 1000,
        "unknown": 3,
        "signature": "greedy",
    }
    return ResultRow(
        **{**fields, **known, **columns}, language=language, metric=metric, value=value
    )


def lengths(median: float) -> Lengths:
    return Lengths(mean=median, deciles=[median + 10 * i for i in range(-5, 6)])


def pair_counts(reason: str = "wrong_language") -> PairCounts:
    accuracy = RewardAccuracyRow(value=0.9, low=0.87, high=0.93, n=321)
    shared = {"kept": 321, "dropped": {reason: 17}, "reward_accuracy": accuracy}
    chars = {"chosen_chars": lengths(90), "rejected_chars": lengths(80)}
    by_language = {tag: LanguagePairs(**shared, **chars) for tag in ("sw", "de")}
    return PairCounts(**shared, by_language=by_language, pair_types={"best_vs_worst": 321})


def run_summary(
    name: str = "lidr-lab", reason: str = "wrong_language", num_rounds: int = 2, **fields
) -> RunSummary:
    rounds = [
        RoundSummary(
            round=index,
            policy=f"M{index}@abc",
            pairs=None if index else pair_counts(reason),
            results=[result(tag, VALUES[tag][index]) for tag in LANGUAGES]
            + [result(tag, 0.041 - 0.02 * index, "off_target_rate") for tag in LANGUAGES],
        )
        for index in range(num_rounds)
    ]
    base = {"recipe": name, "seed": 42, "rounds": rounds, "seconds": {"round-0/generate": 12.3}}
    return RunSummary(**{**base, **fields})


def with_last_results(summary: RunSummary, change) -> RunSummary:
    """The summary with each result of its last round changed; a row that becomes None is gone."""
    *before, last = summary.rounds
    rows = [row for row in map(change, last.results) if row is not None]
    rounds = [*before, last.model_copy(update={"results": rows})]
    return summary.model_copy(update={"rounds": rounds})


def preference(language: str, index: int, text: str = "39") -> Preference:
    def said(role: str, content: str) -> tuple[dict[str, str]]:
        return ({"role": role, "content": content},)

    return Preference(
        prompt=said("user", f"Q{index}"),
        chosen=said("assistant", text),
        rejected=said("assistant", "7"),
        family=f"f{index}",
        prompt_id=f"{language}{index}",
        language=language,
        answer_language=language,
        chosen_model="strong",
        rejected_model="weak",
        chosen_language=language,
        rejected_language=None,
        chosen_finish_reason="stop",
        rejected_finish_reason="stop",
        score_chosen=None,
        score_rejected=0.25,
        pair_type="translated_vs_direct",
        round=0,
        chosen_thought=text,
        chosen_thought_language="en",
    )


def write_run(run: Path, summary: RunSummary, text: str = "39", num_pairs: int = 3) -> Path:
    """A run directory with pairs in Swahili and German, of which some were dropped."""
    stage = run / "round-0" / "filter"
    kept = [preference(tag, i, text) for i in range(num_pairs) for tag in ("sw", "de")]
    write_shard(stage / "part-00000.parquet", kept, Preference)
    dropped = [
        Dropped(f"f{i}", str(i), "sw", "best_vs_worst", text, text, "b") for i in range(num_pairs)
    ]
    write_shard(stage / "dropped" / "part-00000.parquet", dropped, Dropped)
    write_json(run / "run.json", {"versions": {"isoglot": text}})
    summary.write(run / SUMMARY_FILE)
    return run
