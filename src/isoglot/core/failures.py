"""Answers that a server did not give, or a file lacks: the reasons, and which of them may pass."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from isoglot.core.records import Completion, Dropped
from isoglot.core.store import DROPPED, read_columns, shard_paths

Failures = Mapping[str, Mapping[str, int]]
"""Model → reason → number of answers that it did not give."""

NO_ANSWER = "no_answer"
"""The reason of a dropped prompt whose translation a server in trouble did not give."""

NOT_IN_FILE = "not in the file"
"""The reason of a prompt without a completion in a file of them."""

_PASSING = re.compile(
    r"HTTP \d+|time-out|broken off|no connection|nonsense|endless|no_answer"
    r"|(.*_)?(error|fail|abort|cancel|interrupt|overload|insufficient|rate|load|unload)\w*"
)


def may_pass(reason: str | None) -> bool:
    """True for a failure of the server's, after which another request may be answered.

    One that lies in the prompt, such as a refusal or a prompt beyond the context window, stays.
    """
    return reason is not None and _PASSING.fullmatch(reason) is not None


def num_passing(failures: Failures) -> int:
    """Count the answers that may come where the model is asked again."""
    reasons = (item for counts in failures.values() for item in counts.items())
    return sum(num for reason, num in reasons if may_pass(reason))


def reasons(counts: Mapping[str, int]) -> str:
    """List reasons with their numbers, as `time-out 12, HTTP 503 3`."""
    return ", ".join(f"{reason} {num:,}" for reason, num in counts.items())


def has_answers(shard: Path) -> bool:
    """True for a shard of completions that asking again would not improve."""
    return not num_passing(_count(_of_completions(shard, translated=False)))


def is_translated(shard: Path) -> bool:
    """True for a shard of completions whose translations asking again would not improve."""
    return not num_passing(_count(_of_completions(shard, translated=True)))


def are_prompts_translated(shard: Path) -> bool:
    """True for a shard of translated prompts that asking again would not improve."""
    return not num_passing(_count(_of_prompts(shard)))


def completion_failures(folder: Path) -> Failures:
    """Count the answers that a folder of completions lacks."""
    shards = shard_paths(folder)
    return _count(each for path in shards for each in _of_completions(path, translated=False))


def translation_failures(folder: Path) -> Failures:
    """Count the translations that a folder of completions lacks."""
    shards = shard_paths(folder)
    return _count(each for path in shards for each in _of_completions(path, translated=True))


def prompt_failures(folder: Path) -> Failures:
    """Count the translations that a folder of prompts lacks, under the name `translator`."""
    return _count(each for path in shard_paths(folder) for each in _of_prompts(path))


def evaluation_failures(folder: Path) -> Failures:
    """Count the answers that the folder of a task lacks, in all turns of its conversations."""
    parts = (shard_paths(each / "completions") for each in (folder, *folder.glob("turn-*")))
    shards = (path for part in parts for path in part)
    return _count(each for path in shards for each in _of_completions(path, translated=False))


def _of_completions(shard: Path, *, translated: bool) -> Iterable[tuple[str, str]]:
    columns = ("failure", "sampler", "translator", "translated_from")
    for reason, sampler, translator, source in read_columns(shard, Completion, *columns):
        if reason is not None and (source is not None) == translated:
            yield (translator if translated else sampler), reason


def _of_prompts(shard: Path) -> Iterable[tuple[str, str]]:
    dropped = shard.parent / DROPPED / shard.name
    for (reason,) in read_columns(dropped, Dropped, "reason") if dropped.exists() else ():
        if reason == NO_ANSWER:
            yield "translator", reason


def _count(failures: Iterable[tuple[str, str]]) -> Failures:
    """Count by model and reason; what a server says after a colon belongs to one prompt."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for model, reason in failures:
        found[model][reason.partition(":")[0]] += 1
    return {model: dict(counts.most_common()) for model, counts in sorted(found.items())}
