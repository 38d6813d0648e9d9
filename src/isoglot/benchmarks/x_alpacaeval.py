"""X-AlpacaEval: AlpacaEval's 805 prompts in 13 languages (Zhang et al. 2023, arXiv:2311.08711).

German, French, Russian and more were added with Language Imbalance Driven Rewarding (Yang et al.
2024, arXiv:2410.08964). Open generation: a judge compares the answers.
"""

from isoglot.benchmarks.benchmark import Example
from isoglot.benchmarks.conversations import build_example, open_generation
from isoglot.benchmarks.rows import position, text_cell
from isoglot.core.rows import Row


def _example(row: Row, place: int, tag: str) -> Example:
    return build_example(
        text_cell(row, "instruction"),
        language=tag,
        family=f"x_alpacaeval-{position(row, place, 'index')}",
        source=f"x_alpacaeval/{row.get('dataset', '')}",
    )


X_ALPACAEVAL = open_generation("x_alpacaeval", _example, max_new_tokens=2048)
