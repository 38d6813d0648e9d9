"""Prompts that ask across languages: each direction and language has its share, and the ask."""

import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.core.languages import LANGUAGES, language
from isoglot.core.records import Prompt
from isoglot.data.cross_lingual import (
    DIRECTIONS,
    SAME,
    CrossLingualConfig,
    _request_sentences,
    check_cross_lingual,
    cross_lingual,
    name_in,
)

HIGH, LOW = ("en", "de", "es", "fr", "zh-Hans", "ru"), ("sw", "yo", "am", "si", "km", "so")
TAGS = (*HIGH, *LOW)
SEED = {"seed": 1}


def family(name, tags=TAGS):
    return [
        Prompt.from_text(
            f"{name} in {tag}", language=tag, family=name, gold=f"{name} {tag}", source="s"
        )
        for tag in tags
    ]


def asked(config, num=1, tags=TAGS, seed=1):
    prompts = [prompt for i in range(num) for prompt in family(f"f{i}", tags)]
    return cross_lingual(prompts, config, languages=tags, seed=seed)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 9),
    st.sampled_from([0.0, 0.2, 0.5, 1.0]),
    st.dictionaries(st.sampled_from(DIRECTIONS), st.sampled_from([1.0, 2.0, 5.0]), min_size=1),
    st.integers(0, 10**6),
)
def test_each_direction_has_its_share_of_a_family_and_of_all(num, same, directions, seed):
    config = CrossLingualConfig(pairs_per_family=num, same_language=same, directions=directions)
    n = 150
    rows = asked(config, n, seed=seed)
    assert len(rows) == n * num
    assert len({(p.family, p.language, p.answer_language) for p in rows}) == len(rows)
    shares, total = config.shares, Counter[str]()
    assert sum(shares.values()) == pytest.approx(1)
    for i in range(n):
        own = [p for p in rows if p.family == f"f{i}"]
        counts = Counter(config.direction(p.language, p.answer_language) for p in own)
        assert counts.keys() <= shares.keys()
        for name, share in shares.items():
            assert abs(counts[name] - share * num) < 1 + 1e-6
        total += counts
    for name, share in shares.items():
        # A family is off by less than one, as a coin is: five deviations of n coins.
        assert abs(total[name] - share * num * n) <= 1 + 2.5 * n**0.5


@pytest.mark.parametrize("name", [*DIRECTIONS, SAME])
def test_the_languages_of_a_direction_are_used_evenly(name):
    directions = DIRECTIONS if name == SAME else (name,)
    config = CrossLingualConfig(
        pairs_per_family=2, same_language=float(name == SAME), directions=directions
    )
    n = 900
    rows = asked(config, n)
    for side in ("language", "answer_language"):
        counts = Counter(getattr(p, side) for p in rows)
        expected = 2 * n / len(counts)
        assert len(counts) == (12 if name == SAME else 6)
        assert max(abs(num - expected) for num in counts.values()) <= 5 * expected**0.5


def test_what_a_family_is_asked_depends_on_nothing_but_itself():
    config = CrossLingualConfig()
    together = asked(config, 6)
    alone = [
        p for i in range(6) for p in cross_lingual(family(f"f{i}"), config, languages=TAGS, **SEED)
    ]
    assert together == alone
    assert cross_lingual(family("f0")[::-1], config, languages=TAGS, **SEED) == together[:4]
    assert asked(config, 6, seed=2) != together


def test_a_prompt_from_a_to_b_is_as_text_with_bs_gold():
    config = CrossLingualConfig(ask="{prompt} [{own_name}]")
    own = {p.language: p for p in family("f0")}
    for row in asked(config):
        a, b = row.language, row.answer_language
        assert (row.family, row.source, row.gold) == ("f0", "s", f"f0 {b}")
        if a == b:
            assert row == own[a]
        else:
            assert row.text == f"f0 in {a} [{language(b).own_name}]"
            assert row.prompt_id != own[a].prompt_id
    assert len({row.prompt_id for row in asked(config, 50)}) == 200


def test_the_ask_stands_in_the_last_turn_of_the_user():
    turns = tuple({"role": r, "content": r} for r in ("system", "user", "assistant", "user"))
    prompts = [replace(p, prompt=turns) for p in family("f", ("de", "en"))]
    config = CrossLingualConfig(
        pairs_per_family=1, same_language=0, directions=["high->high"], ask="In {english_name}!"
    )
    (row,) = cross_lingual(prompts, config, languages=("de", "en"), **SEED)
    assert row.prompt[:3] == turns[:3]
    name = language(row.answer_language).english_name
    assert row.text == f"user\n\nIn {name}!"


def test_braces_of_the_prompt_stay_what_they_are():
    prompts = [replace(p, prompt=({"role": "user", "content": "{language} {x}"},))
               for p in family("f", ("de", "en"))]  # fmt: skip
    config = CrossLingualConfig(
        pairs_per_family=1, same_language=0, directions=["high→high"], ask="{prompt} {own_name}"
    )
    (row,) = cross_lingual(prompts, config, languages=("de", "en"), **SEED)
    assert row.text == f"{{language}} {{x}} {language(row.answer_language).own_name}"


def test_the_own_language_is_asked_for_where_it_is_wanted():
    config = CrossLingualConfig(pairs_per_family=1, same_language=1, ask_same_language=True)
    (row,) = cross_lingual(family("f", ("de",)), config, languages=("de",), **SEED)
    assert row.text == "f in de\n\nAntworte in dieser Sprache: Deutsch."
    assert (row.language, row.answer_language, row.gold) == ("de", "de", "f de")


def test_the_sentences_name_the_language_as_their_own_speakers_do():
    asks = _request_sentences()
    assert len(asks) >= 100
    for tag, ask in asks.items():
        assert tag in LANGUAGES
        assert re.findall(r"\{.*?\}", ask) == ["{language}"], tag
        assert name_in("sw", tag)
    assert name_in("sw", "de") == "Suaheli"
    assert name_in("zh-Hans", "fr") == "chinois simplifié"
    assert name_in("de", "yo") != "Deutsch"
    assert name_in("cjk", "de") == language("cjk").own_name  # CLDR has no name for it
    assert name_in("de", "bn-Latn") == "Deutsch"  # nor this locale: its names are in another script


def test_a_family_that_lacks_languages_is_asked_from_those_it_has():
    config = CrossLingualConfig(pairs_per_family=4)
    rows = cross_lingual(family("f", ("sw",)), config, languages=TAGS, **SEED)
    assert {row.language for row in rows} == {"sw"}
    assert len(rows) in (3, 4)  # there is one way to ask Swahili in Swahili
    assert all(row.gold is None for row in rows if row.answer_language != "sw")
    assert cross_lingual(family("f", ("xx",)[:0]), config, languages=TAGS, **SEED) == []


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"directions": ["high→up"]}, "unknown direction 'high→up'; expected some of high→high"),
        ({"directions": {"low→low": -1}}, "weights of 0 or more"),
        ({"directions": []}, "weights of 0 or more"),
        ({"ask": "Answer in {name}."}, r"unknown placeholder \{name\}"),
        ({"ask": "Answer."}, "names no language"),
    ],
)
def test_a_config_that_request_sentences_nothing_says_so(keys, why):
    with pytest.raises(ValueError, match=why):
        CrossLingualConfig(**keys)


def test_languages_that_make_no_pairs_are_one_clear_line():
    config = CrossLingualConfig()
    check_cross_lingual(config, TAGS)
    with pytest.raises(ValueError, match="direction high→high has 0 pairs among 1 language,"):
        check_cross_lingual(config, ("en",))
    with pytest.raises(ValueError, match="direction high→low has 0 pairs among 6 languages"):
        check_cross_lingual(config, HIGH)
    with pytest.raises(ValueError, match="no sentence in 'ace' requests another language; set"):
        check_cross_lingual(config, (*TAGS, "ace"))
    check_cross_lingual(CrossLingualConfig(ask="[{own_name}]"), (*TAGS, "ace"))
    check_cross_lingual(CrossLingualConfig(pairs_per_family=1, same_language=1), ("ace",))


def test_prompts_that_ask_across_already_or_twice_are_one_clear_line():
    across = [replace(p, answer_language="fr") for p in family("f")]
    with pytest.raises(ValueError, match="asks for an answer in 'fr' already"):
        cross_lingual(across, CrossLingualConfig(), languages=TAGS, **SEED)
    twice = [*family("f"), replace(family("f")[0], prompt_id="other")]
    with pytest.raises(ValueError, match="family f has two prompts in 'en'"):
        cross_lingual(twice, CrossLingualConfig(), languages=TAGS, **SEED)
