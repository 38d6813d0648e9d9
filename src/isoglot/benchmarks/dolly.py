"""Dolly-200 of the Aya evaluation suite: 200 open prompts in 101 languages (Singh et al. 2024).

arXiv:2402.06619. Translated by NLLB from databricks-dolly-15k. The languages here are those of Aya
23, on which multilingual preference optimisation was measured (Dang et al. 2024, arXiv:2407.02552).
Open generation: a judge compares the answers.
"""

from isoglot.benchmarks.benchmark import Example
from isoglot.benchmarks.conversations import build_example, open_generation
from isoglot.benchmarks.rows import position, text_cell
from isoglot.core.rows import Row


def _example(row: Row, place: int, tag: str) -> Example:
    return build_example(
        text_cell(row, "inputs"),
        language=tag,
        family=f"dolly-{position(row, place, 'id', 'source_id')}",
        gold=text_cell(row, "targets") if row.get("targets") else None,
        source="dolly",
    )


DOLLY = open_generation("dolly", _example, max_new_tokens=1024)
