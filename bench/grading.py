"""Measure grading and intervals: 100,000 answers, and a bootstrap over 23 languages.

    OMP_NUM_THREADS=1 taskset -c 0 python bench/grading.py --data ../shared/data

Nothing is generated: answers are sentences of NTREX in 23 languages with a number at the end for
the maths grader, and the next sentence is the reference of a translation. Language identification
is part of grading. Seconds are CPU time of this process on one core, memory is its peak.
"""

import argparse
import resource
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from isoglot.benchmarks.ntrex import NTREX
from isoglot.benchmarks.rows import RowReader
from isoglot.core.records import Completion, Graded, Prompt
from isoglot.evals.aggregate import aggregate, aggregate_groups, compare
from isoglot.evals.grading import OFF_TARGET_RATE, grade_completions, grader_metric
from isoglot.evals.metric import Metric
from isoglot.evals.translation_metrics import BLEU, CHRF
from isoglot.models.load import load_identifier

LANGUAGES = (
    *("ar", "cs", "de", "el", "en", "es", "fa", "fr", "he", "hi", "id", "it"),
    *("ja", "ko", "nl", "pl", "pt", "ro", "ru", "tr", "uk", "vi", "zh-Hans"),
)
"""The languages of Aya 23, on which RLHF Can Speak Many Languages (arXiv:2407.02552) trains."""


def main() -> None:
    """Print one row for each measurement."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("--families", type=int, default=800)
    args = parser.parse_args()
    texts = {tag: sentences(args.data, tag) for tag in LANGUAGES}
    texts = {tag: found for tag, found in texts.items() if found}
    print(f"{len(texts)} languages, {args.answers} answers, one core")
    identifier = load_identifier(tuple(texts))
    accuracy = grader_metric("accuracy", "last_number")
    prompts, answers = rows(texts, args.answers)
    for metric in (accuracy, CHRF, BLEU):
        graded = timed(
            f"grade {metric.name}", grade_completions, prompts, answers, identifier, [metric]
        )
        timed(f"results {metric.name}", results, graded, [metric, OFF_TARGET_RATE])
    prompts, answers = rows(texts, args.families * len(texts))
    graded = grade_completions(prompts, answers, identifier, [accuracy])
    few = [row for row in graded if row.metric == accuracy.name]
    about = f"10,000 resamples, {args.families} families"
    timed(f"{about}: intervals", results, few, [accuracy], 10_000)
    draws = {"seed": 1, "resamples": 10_000}
    timed(f"{about}: groups", aggregate_groups, few, [accuracy], **draws)
    timed(f"{about}: changes and tests", compare, few, few, [accuracy], **draws)


def sentences(data: Path, tag: str) -> Sequence[str]:
    """Return the sentences of NTREX in a language; none if the folder lacks it."""
    if tag not in NTREX.languages:
        return ()
    try:
        rows = RowReader(NTREX, tag, data=data)("test")
    except ValueError:
        return ()
    return [str(row.get("text") or next(iter(row.values()))) for row in rows]


def rows(
    texts: dict[str, Sequence[str]], num_answers: int
) -> tuple[list[Prompt], list[Completion]]:
    """Return prompts with gold, and answers of which every third is wrong."""
    prompts, answers = [], []
    for i in islice(range(num_answers), -(-num_answers // len(texts))):
        for tag, found in texts.items():
            sentence = found[i % len(found)]
            gold = f"{found[(i + 1) % len(found)]} {i}"
            prompt = Prompt.from_text(f"{i} {sentence}", language=tag, family=str(i), gold=gold)
            text = f"{sentence} {i if i % 3 else -1}"
            prompts.append(prompt)
            answers.append(Completion(prompt.family, prompt.prompt_id, tag, "m", 0, text, "stop"))
    return prompts[:num_answers], answers[:num_answers]


def results(graded: Sequence[Graded], metrics: Sequence[Metric], resamples: int = 1000) -> object:
    """Return the rows of `results.json`."""
    about = {"task": "t", "trained": (), "seed": 1, "signature": ""}
    return aggregate(graded, metrics, resamples=resamples, **about)


def timed(name: str, work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call `work`, and print its seconds and the peak memory so far."""
    start = time.process_time()
    found = work(*arguments, **named)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:55} {time.process_time() - start:7.2f} s  peak {megabytes:5.0f} MB", flush=True)
    return found


if __name__ == "__main__":
    main()
