"""NTREX-128: 1,997 sentences of news in 128 languages (Federmann et al. 2022, SumEval).

Regional translations of one language (`fra-CA`) share a row of the table of languages; the first
is read.
"""

from isoglot.benchmarks.translation import translation_benchmark

NTREX = translation_benchmark("ntrex")
