"""m-ArenaHard: the 500 hard prompts of Arena-Hard-Auto in 23 languages.

Dang et al. 2024 (Aya Expanse), arXiv:2412.04261, after Li et al. 2024, arXiv:2406.11939. Translated
by machine, parallel by `question_id`. Open generation: a judge compares the answers.
"""

from isoglot.benchmarks.benchmark import Example
from isoglot.benchmarks.conversations import build_example, open_generation
from isoglot.benchmarks.rows import cell, text_cell
from isoglot.core.rows import Row


def _example(row: Row, _place: int, tag: str) -> Example:
    return build_example(
        text_cell(row, "prompt"),
        language=tag,
        family=f"m_arenahard-{cell(row, 'question_id')}",
        source=f"m_arenahard/{row.get('cluster') or ''}",
    )


M_ARENAHARD = open_generation("m_arenahard", _example, max_new_tokens=2048)
