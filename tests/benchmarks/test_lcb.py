"""Lines in the asked language pass, others do not, and short or unsure ones have no say."""

import pytest
from published import is_whole, published, published_rows

from isoglot.benchmarks.benchmark import PromptFormat
from isoglot.benchmarks.lcb import LCB, lcb_metrics, long_lines, read_english_words
from isoglot.benchmarks.rows import RowReader
from isoglot.core.records import Prompt

HINDI = "यह एक लंबा हिन्दी वाक्य है"
ENGLISH = "this is one long English sentence"


class ByFirstWord:
    """Identifies the made-up lines of this file."""

    name = "by-first-word"

    def __init__(self) -> None:
        self.num_texts = 0

    def identify(self, texts):
        self.num_texts += len(texts)
        known = {"यह": "hi", "this": "en", "这是": "zh-Hant", "das": "de"}
        return [next((t for w, t in known.items() if text.startswith(w)), None) for text in texts]

    def foreign_shares(self, texts, _languages):
        return [0.5 * ("~" in text) for text in texts]


def rates(text: str, tag: str = "hi", words=("this", "sentence", "File", "cat")) -> dict:
    prompt = Prompt.from_text("?", language=tag)
    return {
        metric.name: statistics and statistics[0]
        for metric in lcb_metrics(ByFirstWord(), words)
        for statistics in [metric.grade(prompt, text)]
    }


@pytest.mark.parametrize(
    ("text", "lines", "share", "words"),
    [
        (HINDI, 1, 1, 1),
        (f"{HINDI}।\n\n{HINDI}", 1, 1, 1),
        (f"{HINDI}\n{ENGLISH}", 0, 0.5, None),
        (f"{HINDI}\nOnly four words here", 1, 1, 1),
        (f"{HINDI} sentence", 1, 1, 0),
        (f"{HINDI} sentence!", 1, 1, 0),
        (f"{HINDI} Sentence", 1, 1, 1),
        (f"{HINDI} File cat", 1, 1, 1),
        (f"{HINDI}\nnobody knows what this line is", None, 1, None),
        (f"{ENGLISH}\nnobody knows what this line is", 0, 0, None),
        (f"{HINDI}\nQ: {ENGLISH}", 1, 1, 1),
        ("बहुत छोटा", None, None, None),
        ("", None, None, None),
    ],
)
def test_rates(text, lines, share, words):
    assert rates(text) == {
        "line_pass_rate": lines,
        "line_accuracy": share,
        "unmixed_rate": 1.0 if lines == 1 else None,
        "word_pass_rate": words,
    }


def test_another_language_counts_in_any_script_where_every_line_passes():
    assert rates(f"{HINDI} ~")["unmixed_rate"] == 0
    assert rates(f"{HINDI}\nQ: ~")["unmixed_rate"] == 1
    assert rates(f"{ENGLISH} ~")["unmixed_rate"] is None
    assert rates("das ist ein sehr langer Satz ~", "de")["unmixed_rate"] == 0


def test_words_are_no_matter_in_latin_script_and_without_a_list():
    assert rates("das ist ein sehr langer Satz this", "de")["word_pass_rate"] is None
    assert [metric.name for metric in lcb_metrics(ByFirstWord())] == [
        "line_pass_rate",
        "line_accuracy",
        "unmixed_rate",
    ]


def test_either_script_of_a_language_is_the_language():
    assert rates("这是一个很长很长的句子", "zh-Hans")["line_pass_rate"] == 1
    assert rates("这是一个很长的sentence句子啊啊", "zh-Hans")["word_pass_rate"] == 0


def test_two_characters_are_a_word_where_there_are_no_blanks():
    assert long_lines("这是一个很长的句子。\n很短。\nGPU API abc def ghi", "zh-Hans") == [
        "这是一个很长的句子。",
        "GPU API abc def ghi",
    ]


def test_each_text_is_identified_once():
    identifier = ByFirstWord()
    for metric in lcb_metrics(identifier, ["this"]):
        metric.grade(Prompt.from_text("?", language="hi"), HINDI)
    assert identifier.num_texts == 1


def test_rows_and_published_files_are_the_same_questions(tmp_path):
    for task, source in (("monolingual", "native"), ("crosslingual", "okapi")):
        path = tmp_path / "test_sets" / task / source / "de.csv"
        path.parent.mkdir(parents=True)
        path.write_text("prompt,source,language\n1?,x,de\n2?,x,de\n", encoding="utf-8")
    examples = LCB.examples(RowReader(LCB, "de", data=tmp_path), "de", PromptFormat())
    rows = [
        {"task": task, "source": source, "i": number, "prompt": f"{number + 1}?"}
        for task, source in (("crosslingual", "okapi"), ("monolingual", "native"))
        for number in (0, 1)
    ]
    assert LCB.examples(lambda _: rows, "de", PromptFormat()) == examples
    assert [example.prompt.family for example in examples] == [
        "lcb-crosslingual-okapi-0",
        "lcb-crosslingual-okapi-1",
        "lcb-de-monolingual-native-0",
        "lcb-de-monolingual-native-1",
    ]
    assert {example.prompt.answer_language for example in examples} == {"de"}


def test_bad_input(tmp_path):
    with pytest.raises(ValueError, match=r"expected the list of English words at .*words.txt"):
        read_english_words(tmp_path / "words.txt")
    with pytest.raises(ValueError, match="expected 0 shots"):
        LCB.examples(lambda _: [], "de", PromptFormat(shots=2))
    with pytest.raises(ValueError, match="expected the task to be monolingual or crosslingual"):
        LCB.examples(lambda _: [{"task": "x", "source": "y", "prompt": "?"}], "de", PromptFormat())


def test_real_prompts():
    folder = published("lcb")
    words = read_english_words(folder / "english_words.txt.gz")
    assert "sentence" in words
    num, families = 0, {}
    for tag in LCB.languages:
        if tag in ("it", "ko"):
            continue
        examples = LCB.examples(RowReader(LCB, tag, data=folder), tag, PromptFormat())
        num += len(examples)
        families[tag] = {e.prompt.family for e in examples if "crosslingual" in e.prompt.source}
    assert num == (3086 if is_whole(folder) else 25)
    assert families["de"] == families["hi"] == families["zh-Hans"]
    assert len(families["de"]) == (166 if is_whole(folder) else 1)


def test_most_real_completions_have_a_line_that_is_long_enough():
    rows = [
        row
        for row in published_rows("lcb/outputs.command-r.jsonl.gz", whole=True)
        if row["lang"] in ("hi", "zh")
    ]
    tags = {"hi": "hi", "zh": "zh-Hans"}
    known = [bool(long_lines(row["completion"], tags[row["lang"]])) for row in rows]
    assert sum(known) / len(known) > 0.9
