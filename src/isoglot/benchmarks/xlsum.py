"""XL-Sum: summaries of BBC articles in 45 languages (Hasan et al. 2021, arXiv:2106.13822).

The articles are not parallel: each is a family of its own.
"""

from isoglot.benchmarks.benchmark import Ask, Benchmark, Example, Rows, Source, literals
from isoglot.benchmarks.conversations import Shot, asked, first_shots
from isoglot.benchmarks.rows import cell
from isoglot.evals.rouge import ROUGE_1, ROUGE_2, ROUGE_L


def _examples(rows: Rows, tag: str, ask: Ask) -> list[Example]:
    instruction = literals("xlsum")[tag]["instruction"]

    def request(article: object) -> str:
        return f"{instruction}\n\n{str(article).strip()}"

    shots: list[Shot] = []
    if ask.shots:
        worked = [
            Shot(request(cell(row, "text")), str(cell(row, "summary"))) for row in rows("train")
        ]
        shots = first_shots(worked, ask, "xlsum")
    return [
        Example(
            asked(
                request(cell(row, "text")),
                language=tag,
                family=f"xlsum-{tag}-{cell(row, 'id')}",
                shots=shots,
                gold=str(cell(row, "summary")).strip(),
                source="xlsum",
            )
        )
        for row in rows("test")
    ]


XLSUM = Benchmark(
    name="xlsum",
    title="XL-Sum: summaries",
    source=Source(
        hub="csebuetnlp/xlsum",
        split="test",
        files=(
            "{code}_{split}.jsonl",
            "{code}_{split}.jsonl.gz",
            "{code}/{split}.jsonl",
            "{code}/{code}_{split}.jsonl",
            "{code}/xlsum-{split}.parquet",
            "{code}/{split}/*.parquet",
            "xlsum_{split}.jsonl",
            "xlsum_{split}.jsonl.gz",
        ),
        train_split="validation",
        split_in_files={"validation": "val"},
        how_to_get="get LANGUAGE_XLSum_v2.0.tar.bz2 by the links of github.com/csebuetnlp/xl-sum "
        "and unpack it",
        licence="CC-BY-NC-SA-4.0",
    ),
    languages={tag: words["code"] for tag, words in literals("xlsum").items()},
    examples=_examples,
    metrics=(ROUGE_L, ROUGE_1, ROUGE_2),
    max_new_tokens=128,
)
