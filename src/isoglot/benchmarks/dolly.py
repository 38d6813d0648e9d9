"""Dolly-200 of the Aya evaluation suite: 200 open prompts in 101 languages (Singh et al. 2024).

arXiv:2402.06619. Translated by NLLB from databricks-dolly-15k. The languages here are those of Aya
23, on which multilingual preference optimisation was measured (Dang et al. 2024, arXiv:2407.02552).
Open generation: a judge compares the answers.
"""

from isoglot.benchmarks.benchmark import Benchmark, Example, PromptFormat, ReadSplit
from isoglot.benchmarks.conversations import build_prompt
from isoglot.benchmarks.rows import cell, position


def _examples(rows: ReadSplit, tag: str, _format: PromptFormat) -> list[Example]:
    return [
        Example(
            build_prompt(
                str(cell(row, "inputs")).strip(),
                language=tag,
                family=f"dolly-{position(row, place, 'id', 'source_id')}",
                gold=str(row.get("targets") or "").strip() or None,
                source="dolly",
            )
        )
        for place, row in enumerate(rows("test"))
    ]


DOLLY = Benchmark("dolly", _examples, (), max_new_tokens=1024, judged=True)
