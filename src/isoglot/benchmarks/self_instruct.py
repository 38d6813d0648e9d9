"""Self-Instruct: 252 user-oriented instructions in English (Wang et al. 2022, arXiv:2212.10560).

Open generation: a judge compares the answers. The published example answer is the gold, which the
judge may read and no metric does.
"""

from isoglot.benchmarks.benchmark import Ask, Benchmark, Example, Rows, Source
from isoglot.benchmarks.conversations import asked, no_shots
from isoglot.benchmarks.rows import cell, position
from isoglot.core.rows import Row


def _examples(rows: Rows, tag: str, ask: Ask) -> list[Example]:
    no_shots("self_instruct", ask)
    examples = []
    for place, row in enumerate(rows("test")):
        text = str(cell(row, "instruction")).strip()
        context, output = _instance(row)
        examples.append(
            Example(
                asked(
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
    """Input and output of the first instance; the hub has lists of both, the file has pairs."""
    instances = cell(row, "instances")
    if isinstance(instances, dict):
        first = {name: values[0] for name, values in instances.items()}
    else:
        first = instances[0]
    return str(cell(first, "input")).strip(), str(cell(first, "output")).strip()


SELF_INSTRUCT = Benchmark(
    name="self_instruct",
    title="Self-Instruct: user-oriented instructions",
    source=Source(
        hub="HuggingFaceH4/self-instruct-eval",
        config="default",
        split="train",
        files=(
            "user_oriented_instructions.jsonl",
            "user_oriented_instructions.jsonl.gz",
            "human_eval/user_oriented_instructions.jsonl",
        ),
        how_to_get="get human_eval/user_oriented_instructions.jsonl from "
        "github.com/yizhongw/self-instruct; translations of it are not published",
        licence="Apache-2.0",
    ),
    languages={"en": ""},
    examples=_examples,
    metrics=(),
    judged=True,
)
