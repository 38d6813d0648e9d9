"""The values are sacreBLEU's and rouge-score's to 1e-9, and ROUGE sees every script."""

import re
import unicodedata
import warnings

import numpy as np
import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st
from published import published_rows
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU as SacreBleu
from sacrebleu.metrics import CHRF as SacreChrf

from isoglot.core.chrf import chrf
from isoglot.core.languages import LANGUAGES
from isoglot.core.records import Prompt
from isoglot.core.text import folded
from isoglot.evals.rouge import ROUGE_1, ROUGE_2, ROUGE_L, tokens
from isoglot.evals.translation_metrics import BLEU, CHRF, SPBLEU, bleu_tokeniser

ROUGES = {"rouge1": ROUGE_1, "rouge2": ROUGE_2, "rougeL": ROUGE_L}
SCORER = RougeScorer(list(ROUGES))

# Few letters, so that n-grams match; blanks, marks and letters of other scripts as well.
texts = st.text(alphabet="aabbc dD.,-'9éの", max_size=40)
golds = texts.filter(str.strip)


def ask(gold: str | None, tag: str = "en") -> Prompt:
    return Prompt.from_text("?", language=tag, gold=gold)


def of_set(metric, answers, references, tag="en") -> float:
    statistics = [
        metric.grade(ask(gold, tag), text) for text, gold in zip(answers, references, strict=True)
    ]
    return float(metric.value(np.sum(statistics, axis=0)))


@given(st.lists(st.tuples(texts, golds), min_size=1, max_size=4))
def test_chrf_and_bleu_are_sacrebleus(pairs):
    answers, references = map(list, zip(*pairs, strict=True))
    chrf = SacreChrf(word_order=2).corpus_score(answers, [references])
    assert of_set(CHRF, answers, references) == pytest.approx(chrf.score / 100, abs=1e-9)
    for tag, tokeniser in {"en": "13a", "zh-Hans": "zh", "th": "char"}.items():
        bleu = SacreBleu(tokenize=tokeniser).corpus_score(answers, [references])
        assert of_set(BLEU, answers, references, tag) == pytest.approx(bleu.score / 100, abs=1e-9)


@given(st.lists(st.lists(st.integers(0, 9), min_size=24, max_size=24), min_size=1, max_size=5))
def test_many_sums_at_once_are_each_alone(counts):
    stack = np.array(counts, dtype=float)
    for metric, size in ((CHRF, 24), (BLEU, 10)):
        alone = [float(metric.value(row)) for row in stack[:, :size]]
        assert metric.value(stack[:, :size]) == pytest.approx(alone, abs=1e-12)
        assert metric.value(stack[None, :, :size]).shape == (1, len(counts))


@given(golds)
def test_identical_texts_are_1(gold):
    text = f"{gold} one two three four"
    assert of_set(CHRF, [text], [text]) == pytest.approx(1)
    assert of_set(BLEU, [text], [text]) == pytest.approx(1)


@cases("canonical_forms")
def test_a_text_in_another_form_is_its_reference(case):
    tag, text, reference = (case.input[key] for key in ("language", "text", "reference"))
    for metric in (CHRF, *ROUGES.values()):
        assert of_set(metric, [text], [reference], tag) == pytest.approx(case.right[0])
    assert chrf(text, reference) == pytest.approx(case.right[0])


@given(texts, golds, st.sampled_from(["en", "vi", "ja"]))
def test_no_metric_depends_on_the_form_of_a_text(text, gold, tag):
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)
    for twin in (unicodedata.normalize("NFD", text), wide):
        for metric in (CHRF, BLEU, *ROUGES.values()):
            assert of_set(metric, [text], [gold], tag) == of_set(metric, [twin], [gold], tag)
        assert chrf(text, gold) == chrf(twin, gold)


@given(texts, golds)
def test_rouge_is_that_of_rouge_score_on_english(text, gold):
    theirs = SCORER.score(gold, text)
    for name, metric in ROUGES.items():
        assert of_set(metric, [text], [gold]) == pytest.approx(theirs[name].fmeasure, abs=1e-9)


@given(texts, golds, st.sampled_from(["th", "de", "zh-Hans"]))
def test_rouge_keeps_within_0_and_1_and_is_symmetric(text, gold, tag):
    for metric in ROUGES.values():
        value = of_set(metric, [text], [gold], tag)
        assert 0 <= value <= 1
        if text.strip():
            assert of_set(metric, [gold], [text], tag) == pytest.approx(value)


@given(golds)
def test_no_text_is_unlike_itself(gold):
    assert of_set(ROUGE_1, [gold], [gold], "hi") == of_set(ROUGE_L, [gold], [gold], "hi") == 1
    assert of_set(ROUGE_1, ["…"], ["…"], "hi") == 1


@pytest.mark.parametrize(
    ("tag", "text", "words"),
    [
        ("en", "Don't re-enter, café 9!", ["don", "t", "re", "enter", "caf", "9"]),
        ("de", "Große Füße, 3 km", ["große", "füße", "3", "km"]),
        ("hi", "क्या हिन्दी है?", ["क्या", "हिन्दी", "है"]),
        ("ar", "كَتَبَ الولد.", ["كَتَبَ", "الولد"]),
        ("fa", "می\u200cخواهم", ["میخواهم"]),
        ("zh-Hans", "我有3个GPU。", ["我", "有", "3", "个", "gpu"]),
        ("ja", "パソコンを・買う", ["パ", "ソ", "コ", "ン", "を", "買", "う"]),
        ("th", "น้ำดี", ["น้", "ำ", "ดี"]),
        ("km", "ខ្មែរ", ["ខ្", "មែ", "រ"]),
        ("my", "မြန်မာ", ["မြ", "န်", "မာ"]),
        ("bo", "བོད་ཡིག།", ["བོད", "ཡིག"]),
        ("ko", "한국어를 말해요", ["한국어를", "말해요"]),
        ("ta", "தமிழ் மொழி", ["தமிழ்", "மொழி"]),
    ],
)
def test_words(tag, text, words):
    assert list(tokens(text, tag)) == [unicodedata.normalize("NFC", word) for word in words]


def test_every_language_has_a_tokeniser():
    assert {bleu_tokeniser(tag) for tag in LANGUAGES} == {"13a", "zh", "char"}
    assert bleu_tokeniser("zh-Hant") == "zh"


def test_spbleu_has_a_value_or_says_what_is_missing():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        statistics = SPBLEU.grade(ask("A cat sat on the mat."), "A cat sat on the mat.")
    if statistics is None:
        pytest.skip("no SentencePiece model of FLORES-200 here, so spBLEU has no value")
    answers, references = ["A cat sat on a mat."], ["A cat sat on the mat."]
    theirs = SacreBleu(tokenize="flores200").corpus_score(answers, [references])
    assert of_set(SPBLEU, answers, references) == pytest.approx(theirs.score / 100, abs=1e-9)


@pytest.mark.parametrize("metric", [CHRF, BLEU, ROUGE_1])
@pytest.mark.parametrize("gold", [None, ""])
def test_a_missing_reference_is_refused(metric, gold):
    with pytest.raises(ValueError, match="expected a reference text as gold, came"):
        metric.grade(ask(gold), "text")


def real_lines(name: str, file: str, column: str) -> dict[str, list[str]]:
    lines: dict[str, list[str]] = {}
    for row in published_rows(f"{name}/{file}"):
        lines.setdefault(row[column], []).append(row["text"])
    return lines


@pytest.fixture(scope="module")
def ntrex():
    return real_lines("ntrex", "ntrex.jsonl.gz", "lang")


@pytest.mark.parametrize(
    ("code", "other", "tag"),
    [
        ("eng", "eng-GB", "en"),
        ("por-BR", "por", "pt"),
        ("zho-TW", "zho-CN", "zh-Hans"),
        ("yue", "zho-TW", "zh-Hant"),
        ("tha", "tha", "th"),
    ],
)
def test_real_translations_have_sacrebleus_value(ntrex, code, other, tag):
    answers, references = ([*map(folded, ntrex[each][:300])] for each in (code, other))
    chrf = SacreChrf(word_order=2).corpus_score(answers, [references])
    assert of_set(CHRF, answers, references, tag) == pytest.approx(chrf.score / 100, abs=1e-9)
    bleu = SacreBleu(tokenize=bleu_tokeniser(tag)).corpus_score(answers, [references])
    assert of_set(BLEU, answers, references, tag) == pytest.approx(bleu.score / 100, abs=1e-9)


def test_rouge_of_real_english_is_that_of_rouge_score(ntrex):
    for text, gold in zip(ntrex["eng"][:300], ntrex["eng-US"][:300], strict=True):
        theirs = SCORER.score(gold, text)
        for name, metric in ROUGES.items():
            assert of_set(metric, [text], [gold]) == pytest.approx(theirs[name].fmeasure, abs=1e-9)


def test_identical_real_texts_are_alike_in_every_language(ntrex):
    tag_of = {code: row.tag for row in LANGUAGES.values() for code in (row.flores, *row.ntrex)}
    sib = real_lines("sib200", "sib200_dev.jsonl.gz", "lang")
    every = {**ntrex, **sib}
    assert len(every) == len(ntrex) + len(sib) >= 91 + 154
    for code, lines in every.items():
        for name, metric in ROUGES.items():
            value = of_set(metric, lines[:1], lines[:1], tag_of.get(code, "de"))
            assert value > 0.999, (code, name)
    for code in ("amh", "arb", "khm", "tha", "zho-CN", "bod"):  # the usual words give 0
        line = next(line for line in every[code] if not re.search("[A-Za-z0-9]", line))
        assert SCORER.score(line, line)["rougeL"].fmeasure == 0
