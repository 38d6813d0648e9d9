"""Global-MGSM: MGSM's 250 problems, corrected, in 41 languages (Cohere Labs, hub).

Gathers MGSM with its known faults mended, AfriMGSM and translations into further languages. Each
row has its instruction in its own language, which asks for the number on the last line.
"""

from isoglot.benchmarks.benchmark import Benchmark, Example, PromptFormat, ReadSplit
from isoglot.benchmarks.conversations import build_example
from isoglot.benchmarks.maths import MATHS_ACCURACY, gold_number
from isoglot.benchmarks.rows import cell, text_cell


def _examples(rows: ReadSplit, tag: str, _format: PromptFormat) -> list[Example]:
    return [
        build_example(
            f"{text_cell(row, 'instruction')}\n\n{text_cell(row, 'question')}",
            language=tag,
            family=f"global_mgsm-{place}",
            gold=str(gold_number(cell(row, "answer"))),
            source="global_mgsm",
        )
        for place, row in enumerate(rows("test"))
    ]


GLOBAL_MGSM = Benchmark("global_mgsm", _examples, (MATHS_ACCURACY,))
