"""X-AlpacaEval: AlpacaEval's 805 prompts in 13 languages (Zhang et al. 2023, arXiv:2311.08711).

German, French, Russian and more were added with Language Imbalance Driven Rewarding (Yang et al.
2024, arXiv:2410.08964). Open generation: a judge compares the answers.
"""

from isoglot.benchmarks.benchmark import Ask, Benchmark, Example, Rows, Source
from isoglot.benchmarks.conversations import asked, no_shots
from isoglot.benchmarks.rows import cell, position

_TAGS = ("ar", "bn", "de", "en", "es", "fr", "it", "ja", "ko", "ru", "sw", "th")


def _examples(rows: Rows, tag: str, ask: Ask) -> list[Example]:
    no_shots("x_alpacaeval", ask)
    return [
        Example(
            asked(
                str(cell(row, "instruction")).strip(),
                language=tag,
                family=f"x_alpacaeval-{position(row, place, 'index')}",
                source=f"x_alpacaeval/{row.get('dataset', '')}",
            )
        )
        for place, row in enumerate(rows("test"))
    ]


X_ALPACAEVAL = Benchmark(
    name="x_alpacaeval",
    title="X-AlpacaEval: open instructions",
    source=Source(
        hub="zhihz0535/X-AlpacaEval",
        config="default",
        split="{name}",
        files=(
            "{code}.json",
            "{name}.json",
            "x-alpacaeval/data/{code}.json",
            "prompts.jsonl",
            "prompts.jsonl.gz",
        ),
        how_to_get="the hub has en, es, it, ko and zh-Hans alone; get data/x-alpacaeval/data from "
        "github.com/ZNLP/Language-Imbalance-Driven-Rewarding for the others",
        licence="CC-BY-NC-4.0",
    ),
    languages={**{tag: tag for tag in _TAGS}, "zh-Hans": "zh"},
    examples=_examples,
    metrics=(),
    max_new_tokens=2048,
    judged=True,
)
