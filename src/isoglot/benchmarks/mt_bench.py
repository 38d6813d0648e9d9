"""MT-Bench in several languages: 80 questions of two turns (Zheng et al. 2023, arXiv:2306.05685).

A judge grades each turn from 1 to 10, or compares two models. The second turn is a follow-up of the
example: `conversations.next_turn` puts it after the model's answer to the first. Where the set has
reference answers (mathematics, reasoning, code) they are the gold, for the judge to read.
"""

import re
from dataclasses import replace

from isoglot.benchmarks.benchmark import Example
from isoglot.benchmarks.conversations import build_example, open_generation
from isoglot.benchmarks.rows import cell
from isoglot.core.cells import cell_text
from isoglot.core.errors import InputError
from isoglot.core.rows import Row

# Japanese has the categories in another order, and so other numbers.
_QUESTIONS_PER_CATEGORY = 10


def _example(row: Row, _place: int, tag: str) -> Example:
    turns, references = cell(row, "turns"), row.get("reference") or ()
    number = re.match(r"\d+", str(cell(row, "question_id")))
    if not isinstance(turns, list) or not turns or number is None:
        raise InputError(
            f"mt_bench[{tag}]: expected a list of turns and a question_id that begins with a "
            f"number, came {turns!r:.60} and {row['question_id']!r}; give the published question "
            "file"
        )
    category = cell(row, "category")
    examples = [
        build_example(
            cell_text(text, "turns").strip(),
            language=tag,
            family=f"mt_bench-{category}-{(int(number[0]) - 1) % _QUESTIONS_PER_CATEGORY}",
            gold=cell_text(references[place], "reference") if place < len(references) else None,
            source=f"mt_bench/{category}/turn-{place + 1}",
        )
        for place, text in enumerate(turns)
    ]
    return replace(examples[0], follow_ups=tuple(example.prompt for example in examples[1:]))


MT_BENCH = open_generation("mt_bench", _example, max_new_tokens=1024)
