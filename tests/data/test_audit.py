"""Off-target rates of samplers."""

import random

from isoglot.core.records import Completion
from isoglot.data.audit import off_target_rates


class Prefix:
    name = "prefix"

    def identify(self, texts):
        return [text.split(":")[0] if ":" in text else None for text in texts]

    def foreign_shares(self, texts, _languages):
        return [0.5 * ("~" in text) for text in texts]


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
    answer("8", "de: ja, sure ~"),
    answer("9", "~"),
    answer("1", "???", sampler="b"),
]


def test_unknown_is_counted_and_kept_out_of_the_rate():
    unsure, rate, translated = off_target_rates(ROWS, Prefix())
    assert (rate.sampler, rate.language, rate.value, rate.n, rate.unknown) == (
        "m",
        "de",
        0.2,
        5,
        3,
    )
    assert rate.mixed == 2 / 6, "of four that are right or wrong, and two mixed ones"
    assert rate.low <= rate.value <= rate.high
    assert (translated.sampler, translated.value) == ("m via t", 1.0)
    assert (unsure.sampler, unsure.value, unsure.n, unsure.unknown) == ("b", None, 0, 1)
    assert (translated.mixed, unsure.mixed) == (0.0, None)


def test_thoughts_are_counted_apart_and_unsure_ones_left_out():
    thoughts = ["en: hm", "de: hm", "hm", None]
    rows = [answer(str(i), "de: ja", thought=text) for i, text in enumerate(thoughts)]
    (rate,) = off_target_rates(rows, Prefix())
    assert (rate.value, rate.thought_off_target_rate, rate.num_thoughts) == (0.0, 0.5, 2)
    (without,) = off_target_rates(rows[3:], Prefix())
    assert (without.thought_off_target_rate, without.num_thoughts) == (None, 0)


def test_the_order_of_rows_decides_nothing():
    shuffled = random.Random(1).sample(ROWS, len(ROWS))
    assert off_target_rates(shuffled, Prefix()) == off_target_rates(ROWS, Prefix())
