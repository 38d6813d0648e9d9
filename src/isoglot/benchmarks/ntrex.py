"""NTREX-128: 1,997 sentences of news in 128 languages (Federmann et al. 2022, SumEval).

The first of several regional translations of a language (`fra-CA`) is read.
"""

from isoglot.benchmarks.translation import translation_benchmark

NTREX = translation_benchmark("ntrex")
