"""The sets of languages follow their rules, and names of sets stand wherever languages do."""

from importlib.metadata import version
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.language_sets import ABOUT, SETS, expand
from isoglot.core.languages import ALIASES, LANGUAGES
from isoglot.recipe.recipe import Recipe, load_recipe, resolved

GOLD = Path(__file__).parent.parent / "gold" / "cldr.tsv"
TIERS = ("high", "mid", "low")


def num_names() -> dict[str, int]:
    """Rows that CLDR covers, to its number of names of languages."""
    lines = GOLD.read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return {tag: int(num) for tag, num in rows}


def test_one_hundred_languages_by_the_rule():
    names = num_names()
    rows = [LANGUAGES[tag] for tag in names if LANGUAGES[tag].flores]
    rows.sort(key=lambda row: (TIERS.index(row.tier), -(row.speakers or 0), -names[row.tag]))
    assert [row.tag for row in rows[:100]] == list(SETS["xllms-100"])
    assert len(rows) > 120, "there was a choice"


@pytest.mark.parametrize("tag", list(num_names())[::13])
def test_the_list_of_what_cldr_covers_is_what_babel_says(tag):
    from babel import Locale

    if not version("babel").startswith("2.19."):
        pytest.skip(f"the list is of Babel 2.19, here is {version('babel')}")
    locale = Locale.parse(tag, sep="-")
    assert len(set(locale.days["format"]["wide"].values())) == 7
    assert len(locale.languages) == num_names()[tag]
    assert sum(code.isalpha() for code in locale.territories) > 100


def test_a_row_that_is_not_on_the_list_is_not_covered():
    from babel import Locale, UnknownLocaleError

    for tag in ("ace", "ceb", "rw", "mg"):
        assert tag not in num_names()
        try:
            locale = Locale.parse(tag)
        except UnknownLocaleError:
            continue
        assert min(len(locale.languages), sum(map(str.isalpha, locale.territories))) <= 100


@pytest.mark.parametrize("name", SETS)
def test_a_set_holds_tags_once_and_says_what_it_is(name):
    tags = SETS[name]
    assert len(set(tags)) == len(tags)
    assert set(tags) <= set(LANGUAGES)
    assert ABOUT[name]
    assert ABOUT.keys() == SETS.keys()
    *_, num = name.split("-")
    assert len(tags) == int(num)


def test_the_published_sets_are_within_the_hundred():
    assert set(SETS["lidr-5"]) | set(SETS["aya-23"]) < set(SETS["xllms-100"])
    for recipe, name in (("rlhf-aya23-8b-dpo", "aya-23"), ("lidr", "lidr-5")):
        assert set(load_recipe(recipe).languages) == set(SETS[name])


def test_feedback_is_half_low_resource_and_each_set_begins_the_next():
    last: tuple[str, ...] = ()
    for num in (10, 20, 30):
        tags = SETS[f"feedback-{num}"]
        assert tags[: len(last)] == last
        assert sum(LANGUAGES[tag].tier == "low" for tag in tags) == num // 2
        assert "en" in tags
        assert set(tags) < set(SETS["xllms-100"])
        last = tags


@pytest.mark.parametrize("is_low", [False, True])
def test_feedback_gives_scripts_seats_by_the_square_roots_of_their_sizes(is_low):
    def of_tier(name: str) -> list[str]:
        rows = [LANGUAGES[tag] for tag in SETS[name]]
        return [row.script for row in rows if (row.tier == "low") == is_low]

    there, taken = of_tier("xllms-100"), of_tier("feedback-30")

    def cost(script: str, more: int) -> float:
        return (taken.count(script) + more) / there.count(script) ** 0.5

    for one, other in combinations(set(there), 2):  # no seat would have gone to the other instead
        assert cost(one, 0) <= cost(other, 1) or not taken.count(one)
        assert cost(other, 0) <= cost(one, 1) or not taken.count(other)


def test_the_thirty_as_they_were_chosen():
    assert " ".join(SETS["feedback-30"]) == (
        "en nb fr sw ru sd tr ky ar ne hu ha sr am id ig zh-Hant ps hi ml ja yue ko km th lo ta pa "
        "ka te"
    )


def test_a_union_counts_each_language_once():
    assert expand(["lidr-5"]) == SETS["lidr-5"]
    assert expand(["lidr-5", "sw", "lidr-5", "en"]) == (*SETS["lidr-5"], "sw")
    assert expand([]) == ()


def test_what_is_taken_away_is_gone():
    outside = expand(["xllms-100", "-feedback-30"])
    assert set(outside) == set(SETS["xllms-100"]) - set(SETS["feedback-30"])
    assert expand(["lidr-5", "-en", "sw"]) == ("es", "ru", "de", "fr", "sw")
    assert expand(["lidr-5", "zh", "-zh-Hans"]) == SETS["lidr-5"]


@given(st.lists(st.sampled_from([*SETS, *LANGUAGES]), unique=True, max_size=8))
def test_expansion_is_the_union_and_comes_back_as_itself(names):
    tags = expand(names)
    assert set(tags) == set().union(*(expand([name]) for name in names))
    assert expand(tags) == tags


def test_no_set_is_called_as_a_language_is():
    assert not set(SETS) & (LANGUAGES.keys() | ALIASES.keys())


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["xllms100"], "unknown set of languages 'xllms100'; did you mean 'xllms-100'"),
        (["lidr"], "did you mean 'lidr-5'"),
        (["lidr-5", "-feedbak-30"], "unknown set of languages 'feedbak-30'; did you mean"),
        (["lidr-5", "swh"], "unknown language 'swh': expected a BCP-47 tag; did you mean 'sw'"),
        (["sw", "lidr-5", "sw"], "'sw' stands there twice"),
        (["zh", "zh-Hans"], "'zh-Hans' stands there twice"),
        (["-feedback-30", "xllms-100"], "'-feedback-30' takes nothing away: none of it came bef"),
        (["aya-23", "-xllms-100"], "'-xllms-100' leaves no language"),
    ],
)
def test_a_name_that_is_wrong_is_told_in_one_line(names, message):
    with pytest.raises(ValueError, match=message) as error:
        expand(names)
    assert "\n" not in str(error.value)


def recipe(*overrides: str) -> Recipe:
    return load_recipe("lidr-lab", overrides)


def test_a_recipe_takes_sets_and_keeps_tags():
    one = recipe("languages=[lidr-5, sw]", "unseen_languages=[feedback-10, -lidr-5, -sw]")
    assert one.languages == (*SETS["lidr-5"], "sw")
    assert one.unseen_languages == ("nb", "sd", "tr", "ky", "ar", "ne")
    assert recipe("languages=lidr-5", "unseen_languages=[]").languages == SETS["lidr-5"]


def test_a_member_of_the_pool_takes_sets():
    one = recipe(
        "languages=[lidr-5, sw]",
        "samplers=[{kind: policy}, {kind: policy, languages: [lidr-5, -es]}]",
    )
    assert one.samplers[1].languages == ("en", "ru", "de", "fr")


def test_a_round_takes_sets_and_keeps_tags():
    one = recipe(
        "languages=[lidr-5, sw]",
        "rounds=[{languages: [lidr-5, -ru]}, {languages: sw, dominant_language: sw}]",
    )
    assert one.of_round(0).languages == ("en", "es", "de", "fr")
    assert one.of_round(1).languages == ("sw",)
    assert "lidr-5" not in str(resolved(one))
    assert Recipe.model_validate(resolved(one)) == one


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("languages=lidr5", "languages: unknown set of languages 'lidr5'; did you mean 'lidr-5'"),
        ("languages=[lidr-5, -aya-23]", "languages: '-aya-23' leaves no language"),
        ("languages=[]", "languages: .*at least 1 item"),
        ("languages=[5]", "languages.0: .*string, got 5"),
        ("rounds=[{languages: lidr5}]", "rounds.0: unknown set of languages 'lidr5'"),
        ("samplers=[{kind: policy, languages: lidr5}]", "samplers.0.languages: unknown set"),
    ],
)
def test_a_recipe_with_a_wrong_name_says_where(override, message):
    with pytest.raises(ValueError, match=message):
        recipe(override)
