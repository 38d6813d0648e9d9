"""Catalogue of the benchmarks by name."""

from collections.abc import Mapping, Sequence

from isoglot.benchmarks.afrimgsm import AFRIMGSM
from isoglot.benchmarks.arc import ARC
from isoglot.benchmarks.belebele import BELEBELE
from isoglot.benchmarks.benchmark import Benchmark, BenchmarkConfig
from isoglot.benchmarks.dolly import DOLLY
from isoglot.benchmarks.flores import FLORES
from isoglot.benchmarks.global_mgsm import GLOBAL_MGSM
from isoglot.benchmarks.hellaswag import HELLASWAG
from isoglot.benchmarks.include import INCLUDE_LITE
from isoglot.benchmarks.lcb import LCB, lcb_metrics, read_english_words
from isoglot.benchmarks.m_arenahard import M_ARENAHARD
from isoglot.benchmarks.mgsm import MGSM
from isoglot.benchmarks.mmath import MMATH
from isoglot.benchmarks.mmlu import GLOBAL_MMLU_LITE, MMLU
from isoglot.benchmarks.mmlu_prox import MMLU_PROX_LITE
from isoglot.benchmarks.mmmlu import MMMLU
from isoglot.benchmarks.msvamp import MSVAMP
from isoglot.benchmarks.mt_bench import MT_BENCH
from isoglot.benchmarks.ntrex import NTREX
from isoglot.benchmarks.own import OwnBenchmarkConfig
from isoglot.benchmarks.paws_x import PAWS_X
from isoglot.benchmarks.polymath import POLYMATH
from isoglot.benchmarks.round_trip import ROUND_TRIP, round_trip_metrics
from isoglot.benchmarks.self_instruct import SELF_INSTRUCT
from isoglot.benchmarks.sib200 import SIB200
from isoglot.benchmarks.truthfulqa import TRUTHFULQA
from isoglot.benchmarks.x_alpacaeval import X_ALPACAEVAL
from isoglot.benchmarks.xcopa import XCOPA
from isoglot.benchmarks.xlsum import XLSUM
from isoglot.benchmarks.xnli import XNLI
from isoglot.benchmarks.xquad import XQUAD
from isoglot.benchmarks.xstorycloze import XSTORYCLOZE
from isoglot.benchmarks.xwinograd import XWINOGRAD
from isoglot.core.errors import InputError, did_you_mean
from isoglot.core.protocols import LanguageIdentifier
from isoglot.evals.metric import Metric, in_language

BENCHMARKS: Mapping[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        *(MGSM, GLOBAL_MGSM, AFRIMGSM, MSVAMP, MMATH, POLYMATH),
        *(XCOPA, PAWS_X, XWINOGRAD, BELEBELE, XNLI, XSTORYCLOZE, SIB200, XQUAD),
        *(FLORES, NTREX, ROUND_TRIP, XLSUM),
        *(SELF_INSTRUCT, X_ALPACAEVAL, DOLLY, MT_BENCH, M_ARENAHARD),
        LCB,
        *(MMLU, GLOBAL_MMLU_LITE, MMMLU, MMLU_PROX_LITE, INCLUDE_LITE),
        *(ARC, HELLASWAG, TRUTHFULQA),
    )
}
"""Maths, understanding, translation and summaries, open generation, confusion, knowledge."""

_ACCURACIES = ("accuracy", "mc1")

_ENGLISH_WORDS = "english_words.txt.gz"


def benchmark_of(name: str) -> Benchmark:
    """Return the benchmark of a name; raises InputError for an unknown one."""
    if name not in BENCHMARKS:
        hint = did_you_mean(name, BENCHMARKS, f"there are {', '.join(BENCHMARKS)}")
        raise InputError(f"no benchmark {name!r}; {hint}")
    return BENCHMARKS[name]


AnyBenchmark = BenchmarkConfig | OwnBenchmarkConfig
"""A benchmark as the prompts of a task: a published one, or the user's own."""


def configured(config: AnyBenchmark) -> Benchmark:
    """Return the benchmark of a task; raises InputError for an unknown one, or bad rows."""
    if isinstance(config, OwnBenchmarkConfig):
        return config.build()
    return benchmark_of(config.benchmark)


def metrics_of(config: AnyBenchmark, identifier: LanguageIdentifier) -> Sequence[Metric]:
    """Return the metrics of a benchmark, and beside an accuracy that of answers in the language.

    Language confusion identifies the language of lines itself.
    """
    name = "" if isinstance(config, OwnBenchmarkConfig) else config.benchmark
    if name == ROUND_TRIP.name:
        return round_trip_metrics(identifier)
    if isinstance(config, OwnBenchmarkConfig) or name != LCB.name:
        metrics = configured(config).metrics
        return [*metrics, *(in_language(each) for each in metrics[:1] if each.name in _ACCURACIES)]
    places = [config.data / LCB.name, config.data] if config.data else []
    lists = [place / _ENGLISH_WORDS for place in places if (place / _ENGLISH_WORDS).is_file()]
    return lcb_metrics(identifier, read_english_words(lists[0]) if lists else ())
