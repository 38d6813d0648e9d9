"""LLMBar: what judges get right in both orders, as published for each judge and prompt."""

import pytest
from replayed import numbers, replayed

from isoglot.core.records import Outcome


@pytest.fixture(scope="module")
def judge_runs(shared_rows):
    """(published figures, our verdicts, how often neither order had one) of each run.

    A is the answer that the set labels as better.
    """
    gold = {}
    for row in shared_rows("llmbar/items.jsonl.gz", whole=True):
        gold.setdefault(row["subset"], []).append(str(row["label"]))
    published = {key(row): row for row in shared_rows("llmbar/published_statistics.jsonl.gz")}
    return [
        (
            published[key(row)],
            replayed(
                *(
                    [preference(*pair) for pair in zip(row[name], gold[row["subset"]], strict=True)]
                    for name in ("winner", "winner_swapped")
                )
            ),
            list(zip(row["winner"], row["winner_swapped"], strict=True)).count((None, None)),
        )
        for row in shared_rows("llmbar/verdicts.jsonl.gz")
    ]


def preference(winner: str | None, gold: str) -> float | None:
    """For the better answer; the winner is named by its answer, whichever was shown first."""
    return None if winner is None else float(winner == gold)


def key(row: dict) -> tuple[str, str, str]:
    return row["subset"], row["evaluator"], row["strategy"]


def count(printed: str) -> int:
    """The count in "81 / 100 = 81.0%"."""
    return int(printed.split(" / ")[0])


def test_every_judge_run_is_the_published_one(judge_runs):
    assert len(judge_runs) >= 65
    for theirs, verdicts, neither in judge_runs:
        ours = numbers(verdicts, resamples=20)
        wins, same = ours["win_rate"], ours["swap_consistency"]
        first = sum(verdict.forward == Outcome.WIN for verdict in verdicts)
        swapped = sum(verdict.backward == Outcome.WIN for verdict in verdicts)
        assert wins.n + wins.invalid == int(theirs["equal"].split()[2]), key(theirs)
        assert first == count(theirs["correct_False"]), key(theirs)
        assert swapped == count(theirs["correct_True"]), key(theirs)
        assert wins.wins == count(theirs["correct_both"]), key(theirs)
        # theirs takes two answers that could not be read for agreement, ours does not
        assert round(same.value * same.n) + neither == count(theirs["equal"]), key(theirs)
        accuracy = float(theirs["correct_average"].rstrip("%"))
        assert 50 * (first + swapped) / len(verdicts) == pytest.approx(accuracy, abs=1e-9)
        if not wins.invalid:
            assert 100 * wins.value == pytest.approx(accuracy, abs=1e-9), key(theirs)


def test_what_could_not_be_read_is_in_no_share(judge_runs):
    unread = [verdicts for _, verdicts, neither in judge_runs if neither]
    assert unread
    for verdicts in unread:
        same = numbers(verdicts, resamples=20)["swap_consistency"]
        read = [v for v in verdicts if Outcome.INVALID not in (v.forward, v.backward)]
        assert same.n == len(read) < len(verdicts)
        assert same.value == sum(v.forward == v.backward for v in read) / len(read)
