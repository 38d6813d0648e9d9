"""Dolly-200 of the Aya evaluation suite: 200 open prompts in 101 languages (Singh et al. 2024).

arXiv:2402.06619. Translated by NLLB from databricks-dolly-15k. The languages here are those of Aya
23, on which preference optimisation in many languages was measured (Dang et al. 2024,
arXiv:2407.02552). Open generation: a judge compares the answers.
"""

from isoglot.benchmarks.benchmark import Ask, Benchmark, Example, Rows, Source
from isoglot.benchmarks.conversations import asked, no_shots
from isoglot.benchmarks.rows import cell, position
from isoglot.core.languages import language

_TAGS = (
    "ar", "cs", "de", "el", "en", "es", "fa", "fr", "he", "hi", "id", "it", "ja", "ko", "nl", "pl",
    "pt", "ro", "ru", "tr", "uk", "vi", "zh-Hans", "zh-Hant",
)  # fmt: skip


def _examples(rows: Rows, tag: str, ask: Ask) -> list[Example]:
    no_shots("dolly", ask)
    return [
        Example(
            asked(
                str(cell(row, "inputs")).strip(),
                language=tag,
                family=f"dolly-{position(row, place, 'id', 'source_id')}",
                gold=str(row.get("targets") or "").strip() or None,
                source="dolly",
            )
        )
        for place, row in enumerate(rows("test"))
    ]


DOLLY = Benchmark(
    name="dolly",
    title="Dolly-200: open instructions",
    source=Source(
        hub="CohereLabs/aya_evaluation_suite",
        config="dolly_machine_translated",
        files=(
            "dolly_machine_translated/test-*.parquet",
            "dolly_machine_translated.parquet",
            "dolly.jsonl",
            "dolly.jsonl.gz",
        ),
        how_to_get="get the folder dolly_machine_translated from "
        "huggingface.co/datasets/CohereLabs/aya_evaluation_suite",
        licence="Apache-2.0",
    ),
    languages={tag: language(tag).flores for tag in _TAGS},
    examples=_examples,
    metrics=(),
    max_new_tokens=1024,
    judged=True,
)
