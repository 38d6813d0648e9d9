"""MT-Bench in several languages: 80 questions of two turns (Zheng et al. 2023, arXiv:2306.05685).

A judge gives 1 to 10 to each turn, or compares two models. The second turn is a follow-up of the
example: `turns.next_turn` puts it after what the model answered to the first. Where the set has
reference answers (mathematics, reasoning, code) they are the gold, for the judge to read.
"""

import re

from isoglot.benchmarks.benchmark import Ask, Benchmark, Example, Rows, Source
from isoglot.benchmarks.conversations import asked, no_shots
from isoglot.benchmarks.rows import cell
from isoglot.core.errors import InputError
from isoglot.core.rows import Row

_TAGS = ("de", "en", "es", "fr", "it", "ja", "ko")

# Japanese has the categories in another order, and so other numbers.
_QUESTIONS_OF_A_CATEGORY = 10


def _examples(rows: Rows, tag: str, ask: Ask) -> list[Example]:
    no_shots("mt_bench", ask)
    return [_example(row, tag) for row in rows("test")]


def _example(row: Row, tag: str) -> Example:
    turns, references = cell(row, "turns"), row.get("reference") or ()
    number = re.match(r"\d+", str(cell(row, "question_id")))
    if not isinstance(turns, list) or not turns or number is None:
        raise InputError(
            f"mt_bench[{tag}]: expected a list of turns and a question_id that begins with a "
            f"number, came {turns!r:.60} and {row['question_id']!r}; give the published question "
            "file"
        )
    category = cell(row, "category")
    prompts = [
        asked(
            str(text).strip(),
            language=tag,
            family=f"mt_bench-{category}-{(int(number[0]) - 1) % _QUESTIONS_OF_A_CATEGORY}",
            gold=str(references[place]) if place < len(references) else None,
            source=f"mt_bench/{category}/turn-{place + 1}",
        )
        for place, text in enumerate(turns)
    ]
    return Example(prompts[0], follow_ups=tuple(prompts[1:]))


MT_BENCH = Benchmark(
    name="mt_bench",
    title="MT-Bench: two turns",
    source=Source(
        hub="",
        files=(
            "question.{code}.jsonl",
            "mt_bench_{CODE}/question.jsonl",
            "data/mt_bench_{CODE}/question.jsonl",
            "question.jsonl",
        ),
        how_to_get="get data/mt_bench_LANGUAGE of github.com/Modalities/MT-Bench-X; Japanese is "
        "fastchat/llm_judge/data/japanese_mt_bench/question.jsonl of github.com/Stability-AI/"
        "FastChat and Korean is in github.com/LG-AI-EXAONE/KoMT-Bench: name it "
        "question.LANGUAGE.jsonl",
        licence="Apache-2.0; KoMT-Bench LGPL-3.0",
    ),
    languages={tag: tag for tag in _TAGS},
    examples=_examples,
    metrics=(),
    max_new_tokens=1024,
    judged=True,
)
