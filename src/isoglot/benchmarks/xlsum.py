"""XL-Sum: summaries of BBC articles in 45 languages (Hasan et al. 2021, arXiv:2106.13822).

The articles are not parallel: each is a family of its own.
"""

from collections.abc import Iterator

from isoglot.benchmarks.benchmark import Benchmark, Example, PromptFormat, ReadSplit, literals
from isoglot.benchmarks.conversations import Shot, build_example, first_shots
from isoglot.benchmarks.rows import cell, text_cell
from isoglot.evals.rouge import ROUGE_1, ROUGE_2, ROUGE_L


def _examples(rows: ReadSplit, tag: str, prompt_format: PromptFormat) -> list[Example]:
    instruction = literals("xlsum")[tag]["instruction"]

    def request(article: object) -> str:
        return f"{instruction}\n\n{str(article).strip()}"

    def worked() -> Iterator[Shot]:
        for row in rows("train"):
            yield Shot(request(text_cell(row, "text")), text_cell(row, "summary"))

    shots = first_shots(worked(), prompt_format.shots, "xlsum")
    return [
        build_example(
            request(text_cell(row, "text")),
            language=tag,
            family=f"xlsum-{tag}-{cell(row, 'id')}",
            shots=shots,
            gold=text_cell(row, "summary"),
            source="xlsum",
        )
        for row in rows("test")
    ]


XLSUM = Benchmark("xlsum", _examples, (ROUGE_L, ROUGE_1, ROUGE_2), max_new_tokens=128)
