"""A judge that replays published preferences: our code makes verdicts and numbers of them."""

from collections.abc import Mapping, Sequence

from isoglot.core.protocols import Judgement, no_tick
from isoglot.core.records import Completion, Prompt, Verdict
from isoglot.judging.verdicts import judge_pairs
from isoglot.judging.win_rate import JudgedResult, summarise_verdicts


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
