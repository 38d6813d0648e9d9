"""Off-target rates of samplers."""

import random

from isoglot.core.records import Completion
from isoglot.data.audit import off_target_rates


class Prefix:
    name = "prefix"

    def identify(self, texts):
        return [text.split(":")[0] if ":" in text else None for text in texts]


def answer(family, text, sampler="m", reason="stop", **columns):
    return Completion(family, "p" + family, "de", sampler, 0, text, reason, **columns)


ROWS = [
    answer("1", "de: ja"),
    answer("2", "en: yes"),
    answer("3", "de: ja", reason="length"),
    answer("4", "de: ja"),
    answer("5", "hm"),
    answer("6", "de:", reason="error"),
    answer("7", "en: yes", translated_from="x", translator="t"),
    answer("1", "???", sampler="b"),
]


def test_unknown_is_counted_and_kept_out_of_the_rate():
    unsure, rate, translated = off_target_rates(ROWS, Prefix())
    assert (rate.sampler, rate.language, rate.value, rate.n, rate.unknown) == (
        "m",
        "de",
        0.25,
        4,
        2,
    )
    assert rate.low <= rate.value <= rate.high
    assert (translated.sampler, translated.value) == ("m via t", 1.0)
    assert (unsure.sampler, unsure.value, unsure.n, unsure.unknown) == ("b", None, 0, 1)


def test_the_order_of_rows_decides_nothing():
    shuffled = random.Random(1).sample(ROWS, len(ROWS))
    assert off_target_rates(shuffled, Prefix()) == off_target_rates(ROWS, Prefix())
