import itertools
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.models.langid import RestrictedIdentifier, dominant_script

GOLD_FILE = Path(__file__).parents[1] / "gold" / "langid.toml"
GOLD = tomllib.loads(GOLD_FILE.read_text(encoding="utf-8"))
LAB = tuple(GOLD)


def word_problems(tag, kind):
    row = GOLD[tag]
    pairs = itertools.product(row[kind], row["names"], row["things"])
    return sorted({form.format(n=name, t=thing) for form, name, thing in pairs})


@pytest.fixture(scope="module")
def lab():
    return RestrictedIdentifier(LAB)


@pytest.mark.parametrize("tag", LAB)
def test_answers_are_hardly_ever_taken_for_another_language(lab, tag):
    found = lab.identify(word_problems(tag, "answers"))
    assert set(found) <= {tag, None}
    assert found.count(None) <= 0.02 * len(found)


@pytest.mark.parametrize("tag", LAB)
def test_a_few_words_are_right_or_unsure(lab, tag):
    assert set(lab.identify(word_problems(tag, "short"))) <= {tag, None}


@pytest.mark.parametrize(
    "text",
    [
        "Anna ma 5 jabłek i kupuje jeszcze 3. Odpowiedź to 8.",
        "Anna'nın 5 elması var ve 3 tane daha alıyor. Cevap 8'dir.",
        "Annalla on 5 omenaa ja hän ostaa vielä 3. Vastaus on 8.",
        "Анна має 5 яблук і купує ще 3. Відповідь дорівнює 8.",
        "لدى آنا خمس تفاحات وتشتري ثلاثا أخرى.",
        "アンナはりんごを5個持っていて、さらに3個買います。",
        "Η Άννα έχει 5 μήλα και αγοράζει άλλα 3.",
        "ანას აქვს 5 ვაშლი და ყიდულობს კიდევ 3.",
    ],
)
def test_a_language_outside_the_candidates_is_forced_onto_none(lab, text):
    assert lab.identify([text]) == [None]


WORDLESS = ["", "   ", "8", "5 + 3 = 8", "ok", "😀!?", "```\nprint('hello world')\n```"]


@pytest.mark.parametrize("text", WORDLESS)
def test_a_text_without_words_is_unsure(lab, text):
    assert lab.identify([text]) == [None]


def test_code_addresses_and_formulas_do_not_count(lab):
    text = "Die Antwort ist also 8 Äpfel. ```for apple in the_apples_of(anna): print(apple)``` "
    assert lab.identify([text + "https://example.org/the/answer/is/this \\frac{1}{2}"]) == ["de"]


def test_names_in_another_script_do_not_count(lab):
    assert lab.identify(["Natalia 有8个苹果，又买了3个苹果，一共11个。"]) == ["zh-Hans"]
    assert lab.identify(["Natalia купила ещё три яблока, всего у неё восемь яблок."]) == ["ru"]


def test_a_text_in_two_languages_is_one_of_them_or_unsure(lab):
    text = "Anna has 5 apples and buys 3 more. Kwa hiyo Ana ana matofaa 8 kwa jumla."
    assert set(lab.identify([text])) <= {"en", "sw", None}


def test_chinese_is_the_candidate_that_is_there():
    simplified, traditional = "这个问题没有经过总数", "這個問題沒有經過總數"
    assert RestrictedIdentifier(["en", "zh-Hant"]).identify([simplified]) == ["zh-Hant"]
    both = RestrictedIdentifier(["zh-Hans", "zh-Hant"])
    assert both.identify([simplified, traditional, "人人"]) == ["zh-Hans", "zh-Hant", None]


def test_japanese_is_told_from_chinese_by_its_kana():
    identifier = RestrictedIdentifier(["ja", "zh-Hans"])
    assert identifier.identify(["答えは八個です。", "答案是八个苹果。"]) == ["ja", "zh-Hans"]


def test_scripts():
    assert dominant_script("Hello world") == "Latn"
    assert dominant_script("Привет, мир") == "Cyrl"
    assert dominant_script("안녕하세요") == "Hang"
    assert dominant_script("ab привет") == "Cyrl"
    assert dominant_script("abcd абвг") is None
    assert dominant_script("123") is None


def test_the_name_says_library_version_and_number_of_candidates(lab):
    assert lab.name.startswith("py3langid@")
    assert lab.name.endswith(":12")


def test_every_language_of_the_table_can_be_a_candidate():
    from isoglot.core.languages import LANGUAGES

    assert RestrictedIdentifier(list(LANGUAGES)).name.endswith(f":{len(LANGUAGES)}")


def test_errors_say_what_to_mend():
    with pytest.raises(ValueError, match="at least one"):
        RestrictedIdentifier([])
    with pytest.raises(ValueError, match="xx"):
        RestrictedIdentifier(["xx-None"])


any_text = st.text() | st.text(alphabet="abcdeéñßåабвг中文かな 0123'-.\n`\\<>@\ud800")


@settings(deadline=None)
@given(st.lists(any_text, max_size=5))
def test_any_text_is_a_candidate_or_unsure_whatever_stands_beside_it(texts):
    identifier = RestrictedIdentifier(["en", "ru"])
    found = identifier.identify(texts)
    assert set(found) <= {"en", "ru", None}
    assert found == [identifier.identify([text])[0] for text in texts]


@settings(deadline=None)
@given(st.sampled_from(LAB), st.integers(0, 10**9), st.integers(0, 10**9))
def test_numbers_change_nothing(tag, first, second):
    identifier = RestrictedIdentifier(LAB)
    text = GOLD[tag]["answers"][1].format(n=GOLD[tag]["names"][0], t=GOLD[tag]["things"][0])
    renumbered = text.replace("12", str(first)).replace("8", str(second))
    assert identifier.identify([renumbered]) == identifier.identify([text])
