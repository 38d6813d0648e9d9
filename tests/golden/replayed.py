"""A judge that replays published preferences: our code makes verdicts and numbers of them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from isoglot.core.protocols import Judgement, no_tick
from isoglot.core.records import Completion, Prompt, Verdict
from isoglot.judging.compare import compare_answers
from isoglot.judging.judges import JudgeSource
from isoglot.judging.verdicts import judge_pairs
from isoglot.judging.win_rate import JudgedResult, summarise_verdicts
from isoglot.report.results.judging import JudgedComparison


class _Replays:
    """Prefers the first answer as often as it did: all pairs in one order, then in the other."""

    name = "published"

    def __init__(self, scores: Sequence[float | None]) -> None:
        self.scores = scores

    def judge(self, prompts, first, second, tick=no_tick):  # noqa: ARG002
        assert len(prompts) == len(first) == len(second)
        return [Judgement(score, "") for score in self.scores]


def replayed(forward: Sequence[float | None], backward: Sequence[float | None]) -> list[Verdict]:
    """Verdicts of preferences for A (0 to 1, None where none was read), with A and with B first."""
    prompts = [Prompt.from_text(f"{i}?", language="en") for i in range(len(forward))]
    a, b = (
        [Completion(p.family, p.prompt_id, "en", name, 0, name, "stop") for p in prompts]
        for name in ("a", "b")
    )
    shown_first = [*forward, *(None if score is None else 1 - score for score in backward)]
    return judge_pairs(prompts, a, b, _Replays(shown_first))


def numbers(verdicts: Sequence[Verdict], resamples: int = 1000) -> Mapping[str, JudgedResult]:
    """Metric → the row of the one language."""
    rows = summarise_verdicts(verdicts, seed=1, signature="", resamples=resamples)
    return {row.metric: row for row in rows if row.language == "en"}


class Pair(NamedTuple):
    """A published preference for A, 0 to 1 or None, and the lengths of both answers."""

    item: str
    score: float | None
    a_chars: int
    b_chars: int


class _Looks:
    """Prefers A as often as it did, in both orders; A's answers are of the letter a."""

    name = "published"

    def __init__(self, pairs: Mapping[str, Sequence[Pair]]) -> None:
        self.scores = {(tag, pair.item): pair.score for tag, own in pairs.items() for pair in own}

    def judge(self, prompts, first, second, tick=no_tick):  # noqa: ARG002
        scores = [self.scores[prompt.language, prompt.text] for prompt in prompts]
        return [
            Judgement(score if score is None or text.startswith("a") else 1 - score, "")
            for score, text in zip(scores, first, strict=True)
        ]


def judged(pairs: Mapping[str, Sequence[Pair]], folder: Path) -> JudgedComparison:
    """Compare the answers in two files, as `isoglot judge` does; language → its pairs."""
    for name in "ab":
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for tag, own in pairs.items():
                for pair in own:
                    text = name * max(1, getattr(pair, f"{name}_chars"))
                    row = {"prompt": pair.item, "completion": text, "language": tag}
                    file.write(json.dumps({**row, "id": pair.item}) + "\n")
    judge = JudgeSource({"name": "published"}, lambda languages: _Looks(pairs))  # noqa: ARG005
    paths = (folder / "a.jsonl", folder / "b.jsonl")
    return compare_answers(*paths, judge, folder / "out", families_per_shard=500, silent=True)
