"""X-AlpacaEval: AlpacaEval's 805 prompts in 13 languages (Zhang et al. 2023, arXiv:2311.08711).

German, French, Russian and more were added with Language Imbalance Driven Rewarding (Yang et al.
2024, arXiv:2410.08964). Open generation: a judge compares the answers.
"""

from isoglot.benchmarks.benchmark import Benchmark, Example, PromptFormat, ReadSplit
from isoglot.benchmarks.conversations import build_prompt
from isoglot.benchmarks.rows import cell, position


def _examples(rows: ReadSplit, tag: str, _format: PromptFormat) -> list[Example]:
    return [
        Example(
            build_prompt(
                str(cell(row, "instruction")).strip(),
                language=tag,
                family=f"x_alpacaeval-{position(row, place, 'index')}",
                source=f"x_alpacaeval/{row.get('dataset', '')}",
            )
        )
        for place, row in enumerate(rows("test"))
    ]


X_ALPACAEVAL = Benchmark("x_alpacaeval", _examples, (), max_new_tokens=2048, judged=True)
