"""Near-duplicates and contamination: the laws of both, and rows in real scripts."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.core.ngrams import gram_chars, jaccard, ngrams
from isoglot.core.records import Demonstration, Prompt, content_id
from isoglot.core.store import shards_of
from isoglot.data.clean import CleanConfig, Drop, clean, compared_text, comparison_group, row_id
from isoglot.data.contamination import EvaluationIndex, EvaluationItem, evaluation_items
from isoglot.line.demonstrations import find_drops

SENTENCES = {
    "en": "The old lighthouse keeper wrote a letter to his daughter every single evening.",
    "tr": "Yaşlı deniz feneri bekçisi her akşam kızına uzun bir mektup yazdı, sonra ışığı yaktı.",
    "ru": "Старый смотритель маяка каждый вечер писал своей дочери длинное письмо.",
    "el": "Ο γέρος φαροφύλακας έγραφε κάθε βράδυ ένα μεγάλο γράμμα στην κόρη του.",
    "ka": "მოხუცი მეშუქურე ყოველ საღამოს გრძელ წერილს სწერდა თავის ქალიშვილს.",
    "ar": "كان حارس المنارة العجوز يكتب رسالة طويلة إلى ابنته في كل مساء.",
    "he": "שומר המגדלור הזקן כתב מכתב ארוך לבתו בכל ערב ואז הדליק את האור.",
    "hi": "बूढ़ा प्रकाशस्तंभ रक्षक हर शाम अपनी बेटी को एक लंबा पत्र लिखता था।",
    "ta": "வயதான கலங்கரை விளக்கக் காவலர் ஒவ்வொரு மாலையும் தன் மகளுக்குக் கடிதம் எழுதினார்.",
    "th": "ผู้เฒ่าเฝ้าประภาคารเขียนจดหมายยาวถึงลูกสาวทุกเย็นแล้วจึงจุดไฟ",
    "km": "អ្នកយាមប៉មភ្លើងចាស់បានសរសេរសំបុត្រវែងទៅកូនស្រីរាល់ល្ងាច",
    "zh-Hans": "年老的灯塔看守人每天晚上都会给他的女儿写一封很长的信，然后点亮灯。",
    "ja": "年老いた灯台守は毎晩、遠くに住む娘に長い手紙を書いてから明かりを灯した。",
    "ko": "늙은 등대지기는 매일 저녁 멀리 사는 딸에게 긴 편지를 쓰고 나서 불을 켰다.",
    "am": "ሽማግሌው የመብራት ቤት ጠባቂ በየምሽቱ ለሴት ልጁ ረጅም ደብዳቤ ይጽፍ ነበር።",
}
"""Written for this test, one in each of fifteen scripts."""

words = st.sampled_from(["alpha", "beta", "gamma", "delta", "epsilon"])
texts = st.one_of(
    st.lists(words, min_size=0, max_size=8).map(" ".join),
    st.sampled_from(sorted(SENTENCES.values())),
)


def row(text, tag="en", answer="", answer_language=None, family=None, model="m"):
    turns = ({"role": "system", "content": "Be kind."}, {"role": "user", "content": text},
             {"role": "assistant", "content": answer})  # fmt: skip
    family = content_id(text, answer) if family is None else family
    return Demonstration(
        turns, family, content_id(tag, text), tag, answer_language or tag, model, "test"
    )


near = st.sampled_from([SENTENCES["en"] + end for end in ("", "!", " It was.", " It was late.")])
rows = st.builds(
    row,
    near | texts,
    st.sampled_from(["en", "en", "ja"]),
    st.sampled_from(["", "Yes."]),
    st.sampled_from([None, None, "de"]),
    st.sampled_from("abcd"),
)


def cleaned(shards, items=(), **config):
    drops = {
        id: Drop(*drop)
        for id, drop in find_drops(shards, items, CleanConfig(**config))["drops"].items()
    }
    return [each for shard in shards for each in clean(shard, drops)[0]], drops


def sharded(rows, num_families, draw):
    """The rows in shards of so many whole families, in some order."""
    return shards_of(draw.sample(rows, len(rows)), num_families)


@settings(max_examples=40, deadline=None)
@given(st.lists(rows, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_neither_order_nor_shards_change_what_stays(found, draw) -> None:
    key = lambda row: (row_id(row), row.messages)  # noqa: E731
    first, drops = cleaned(sharded(found, 99, draw))
    second, same = cleaned(sharded(found, 1, draw))
    assert drops == same
    assert sorted(map(key, first)) == sorted(map(key, second))


@settings(max_examples=40, deadline=None)
@given(st.lists(rows, min_size=1, max_size=12))
def test_what_is_cleaned_is_clean(found) -> None:
    kept, _ = cleaned([found])
    again, drops = cleaned([kept])
    assert again == kept
    assert not drops


@settings(max_examples=40, deadline=None)
@given(st.lists(rows, min_size=1, max_size=12))
def test_each_dropped_row_has_a_kept_twin_in_its_language(found) -> None:
    kept, drops = cleaned([found])
    by_id = {row_id(each): each for each in found}
    assert kept
    for id, drop in drops.items():
        twin, gone = by_id[drop.of], by_id[id]
        assert drop.of < id
        assert drop.of not in drops
        assert comparison_group(twin) == comparison_group(gone)
        num = min(map(gram_chars, comparison_group(gone).split()))
        assert (
            drop.similarity
            == jaccard(ngrams(compared_text(twin), num), ngrams(compared_text(gone), num))
            >= 0.8
        )


@settings(max_examples=40, deadline=None)
@given(texts, st.sampled_from(["en", "zh-Hans"]), st.sampled_from([0.3, 0.8, 1.0]))
def test_identical_texts_are_always_found(text, tag, similarity) -> None:
    same = [row(text, tag, "Yes.", family=str(place)) for place in range(3)]
    kept, drops = cleaned([[each] for each in same], max_similarity=similarity)
    assert kept == [min(same, key=row_id)]
    assert {drop.similarity for drop in drops.values()} == {1.0}


@given(texts)
def test_texts_of_different_languages_are_never_compared(text) -> None:
    found = [row(text, tag, text, to) for tag, to in (("en", None), ("sw", None), ("en", "sw"))]
    kept, drops = cleaned([found], max_similarity=0.01)
    assert kept == found
    assert not drops


def test_equal_rows_of_a_family_stay_once() -> None:
    same = row(SENTENCES["en"])
    kept, dropped = clean([same, same, row(SENTENCES["ru"], "ru")], {})
    assert [each.language for each in kept] == ["en", "ru"]
    assert [each.reason for each in dropped] == ["near_duplicate"]


def test_rows_of_punctuation_alone_are_twins() -> None:
    kept, _ = cleaned([[row("…", answer="!"), row("?", answer="-"), row("a", answer="")]])
    assert [each.messages[1]["content"] for each in kept].count("a") == 1
    assert len(kept) == 2


def edits(text: str) -> dict[str, str]:
    draw, letters = random.Random(3), list(text)
    letters[len(letters) // 2] = draw.choice(text)
    return {
        "exact": text,
        "punctuation": "«" + text.replace(",", " –").rstrip(".。।") + "»!",
        "case": text.upper(),
        "blanks": "  ".join(text.split()).replace(text[5], f"{text[5]}\u00a0"),
        "one letter": "".join(letters),
    }


@pytest.mark.parametrize("tag", SENTENCES)
def test_changed_copies_are_found_in_every_script(tag) -> None:
    text = SENTENCES[tag]
    index = EvaluationIndex(
        [EvaluationItem("task", tag, "q1", text)], max_overlap=0.8, min_grams=15
    )
    for name, copy in edits(text).items():
        within = row(f"{text[20:]} {copy}", tag, text[:25] * 3)
        assert index.overlaps(compared_text(within), tag), name
        _, drops = cleaned([[row(text, tag), row(copy, tag, model="other", family=name)]])
        assert len(drops) == 1, name
    assert not index.overlaps(text[: len(text) // 2], tag)
    assert not index.overlaps(text, "de")


def test_contamination_is_the_share_of_the_item_and_not_of_the_row() -> None:
    items = [
        EvaluationItem("task", "en", "q1", SENTENCES["en"]),
        EvaluationItem("task", "en", "q2", "Why?"),
    ]
    rows = [row("Tell me more. " * 20 + SENTENCES["en"] + " Or less? " * 20), row("Why?")]
    found = find_drops([rows], items, CleanConfig())
    assert found["drops"] == {row_id(rows[0]): Drop("contaminated", 1.0, "task q1")}
    assert found["contamination"] == [
        {"task": "task", "language": "en", "rows": 2, "contaminated": 1, "rate": 0.5, "items": 2,
         "found_items": 1, "unknown_items": 1}
    ]  # fmt: skip


def test_what_a_contaminated_row_repeats_stays() -> None:
    text = SENTENCES["en"]
    bad = row(text + " It was late.", answer="A.")
    good = row(text[:-9] + " It was late.", answer="A.")
    items = [EvaluationItem("task", "en", "q1", text)]
    kept, drops = cleaned([[bad, good]], items, max_overlap=0.99, max_similarity=0.5)
    assert kept == [good]
    assert drops[row_id(bad)].reason == "contaminated"


def test_the_wording_of_a_task_is_no_contamination() -> None:
    ask = "Answer the following question with one of the four letters, and say nothing else: "
    questions = [f"{ask}{name} sailed the {name} sea in the year of {name}?" for name in
                 (content_id(str(i)) for i in range(30))]  # fmt: skip
    items = [EvaluationItem("task", "en", question, question) for question in questions]
    rows = [row(ask + "Who wrote the letter to the daughter?"), row(questions[3])]
    kept, _ = cleaned([rows], items)
    assert kept == rows[:1]


def test_english_items_in_other_languages_only_where_asked() -> None:
    items = [EvaluationItem("task", "en", "q1", SENTENCES["en"])]
    rows = [row(SENTENCES["en"], "sw"), row(SENTENCES["ru"], "ru")]
    assert cleaned([rows], items)[0] == rows
    assert cleaned([rows], items, english_everywhere=True)[0] == rows[1:]


def test_questions_and_long_gold_are_items() -> None:
    asked = [
        Prompt.from_text("What is 3 + 4?", language="en", gold="7"),
        Prompt.from_text("Translate.", language="en", gold=SENTENCES["ru"], answer_language="ru"),
    ]
    assert [(item.language, item.text) for item in evaluation_items("task", asked)] == [
        ("en", "What is 3 + 4?"), ("en", "Translate."), ("ru", SENTENCES["ru"]),
    ]  # fmt: skip


def test_nothing_left_is_one_line() -> None:
    items = [EvaluationItem("task", "en", "q1", SENTENCES["en"])]
    with pytest.raises(ValueError, match=r"of 1 none is left \(each holds an item.*max_overlap"):
        find_drops([[row(SENTENCES["en"])]], items, CleanConfig())
    with pytest.raises(ValueError, match="none came"):
        find_drops([[]], (), CleanConfig())
