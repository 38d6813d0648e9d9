"""FLORES-200 devtest: 1,012 sentences in 204 languages (NLLB team 2022, arXiv:2207.04672)."""

from isoglot.benchmarks.translation import translation_benchmark

FLORES = translation_benchmark("flores")
