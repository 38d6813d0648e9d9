"""The benchmarks by their names."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from isoglot.core.protocols import LanguageIdentifier
from isoglot.evals.arc import ARC
from isoglot.evals.belebele import BELEBELE
from isoglot.evals.benchmark import Benchmark, BenchmarkConfig, Metric
from isoglot.evals.dolly import DOLLY
from isoglot.evals.flores import FLORES
from isoglot.evals.hellaswag import HELLASWAG
from isoglot.evals.lcb import LCB, lcb_metrics, read_english_words
from isoglot.evals.mgsm import MGSM
from isoglot.evals.mmlu import MMLU
from isoglot.evals.msvamp import MSVAMP
from isoglot.evals.mt_bench import MT_BENCH
from isoglot.evals.ntrex import NTREX
from isoglot.evals.paws_x import PAWS_X
from isoglot.evals.self_instruct import SELF_INSTRUCT
from isoglot.evals.truthfulqa import TRUTHFULQA
from isoglot.evals.x_alpacaeval import X_ALPACAEVAL
from isoglot.evals.xcopa import XCOPA
from isoglot.evals.xlsum import XLSUM
from isoglot.evals.xwinograd import XWINOGRAD

BENCHMARKS: Mapping[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        *(MGSM, MSVAMP),
        *(XCOPA, PAWS_X, XWINOGRAD, BELEBELE),
        *(FLORES, NTREX, XLSUM),
        *(SELF_INSTRUCT, X_ALPACAEVAL, DOLLY, MT_BENCH),
        LCB,
        *(MMLU, ARC, HELLASWAG, TRUTHFULQA),
    )
}
"""Maths, understanding, translation and summaries, open answers, language confusion, and what
alignment may cost."""

_ENGLISH_WORDS = "english_words.txt.gz"


def benchmark_of(name: str) -> Benchmark:
    """The benchmark of a name; raises ValueError with a did-you-mean."""
    if name not in BENCHMARKS:
        close = get_close_matches(name, BENCHMARKS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(BENCHMARKS)}"
        raise ValueError(f"no benchmark {name!r}; {hint}")
    return BENCHMARKS[name]


def metrics_of(config: BenchmarkConfig, identifier: LanguageIdentifier) -> Sequence[Metric]:
    """The metrics of a benchmark; those of language confusion read the language of each line."""
    if config.benchmark != LCB.name:
        return benchmark_of(config.benchmark).metrics
    places = [config.data / LCB.name, config.data] if config.data else []
    lists = [place / _ENGLISH_WORDS for place in places if (place / _ENGLISH_WORDS).is_file()]
    return lcb_metrics(identifier, read_english_words(lists[0]) if lists else ())
