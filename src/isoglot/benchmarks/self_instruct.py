"""Self-Instruct: 252 user-oriented instructions in English (Wang et al. 2022, arXiv:2212.10560).

Open generation: a judge compares the answers; it may read the published answer, the gold.
"""

from isoglot.benchmarks.benchmark import Example
from isoglot.benchmarks.conversations import build_example, open_generation
from isoglot.benchmarks.rows import cell, position, text_cell
from isoglot.core.rows import Row


def _example(row: Row, place: int, tag: str) -> Example:
    instances = cell(row, "instances")
    # The first instance; the hub has lists of inputs and outputs, files have pairs.
    if isinstance(instances, dict):
        first = {name: values[0] for name, values in instances.items()}
    else:
        first = instances[0]
    text, context = text_cell(row, "instruction"), text_cell(first, "input")
    return build_example(
        f"{text}\n\n{context}" if context else text,
        language=tag,
        family=f"self_instruct-{position(row, place, 'id')}",
        gold=text_cell(first, "output") or None,
        source="self_instruct",
    )


SELF_INSTRUCT = open_generation("self_instruct", _example)
