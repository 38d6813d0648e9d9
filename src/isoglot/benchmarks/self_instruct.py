"""Self-Instruct: 252 user-oriented instructions in English (Wang et al. 2022, arXiv:2212.10560).

Open generation: a judge compares the answers. The published example answer is the gold, which only
the judge may read.
"""

from isoglot.benchmarks.benchmark import (
    Benchmark,
    Example,
    PromptFormat,
    ReadSplit,
)
from isoglot.benchmarks.conversations import build_prompt
from isoglot.benchmarks.rows import cell, position
from isoglot.core.rows import Row


def _examples(rows: ReadSplit, tag: str, _format: PromptFormat) -> list[Example]:
    examples = []
    for place, row in enumerate(rows("test")):
        text = str(cell(row, "instruction")).strip()
        context, output = _instance(row)
        examples.append(
            Example(
                build_prompt(
                    f"{text}\n\n{context}" if context else text,
                    language=tag,
                    family=f"self_instruct-{position(row, place, 'id')}",
                    gold=output or None,
                    source="self_instruct",
                )
            )
        )
    return examples


def _instance(row: Row) -> tuple[str, str]:
    """Return input and output of the first instance: the hub has lists of both, files pairs."""
    instances = cell(row, "instances")
    if isinstance(instances, dict):
        first = {name: values[0] for name, values in instances.items()}
    else:
        first = instances[0]
    return str(cell(first, "input")).strip(), str(cell(first, "output")).strip()


SELF_INSTRUCT = Benchmark("self_instruct", _examples, (), judged=True)
