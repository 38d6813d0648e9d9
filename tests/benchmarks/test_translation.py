"""Sentences meet their translations both ways, and articles their summaries."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from published import is_whole, published, published_rows

from isoglot.benchmarks.benchmark import PromptFormat, literals
from isoglot.benchmarks.flores import FLORES
from isoglot.benchmarks.ntrex import NTREX
from isoglot.benchmarks.rows import RowReader
from isoglot.benchmarks.translation import pair_of, pair_variants
from isoglot.benchmarks.xlsum import XLSUM
from isoglot.core.languages import LANGUAGES
from isoglot.evals.translation_metrics import BLEU, CHRF

GOLD = Path(__file__).parents[1] / "gold"
TRANSLATION = tomllib.loads((GOLD / "translation.toml").read_text("utf-8"))
SUMMARIES = tomllib.loads((GOLD / "xlsum.toml").read_text("utf-8"))


def rows(split: str) -> list[dict]:
    tag = split.partition("@")[2]
    return [
        {"id": 1, "sentence": f"First in {tag}."},
        {"id": 2, "sentence": f"Second in {tag}. "},
    ]


@pytest.mark.parametrize("tag", TRANSLATION)
@pytest.mark.parametrize("variant", ["en-xx", "xx-en"])
def test_prompts_are_as_frozen(tag, variant):
    examples = FLORES.examples(rows, tag, PromptFormat(variant=variant))
    assert [example.prompt.text for example in examples] == TRANSLATION[tag][variant]
    target = tag if variant == "en-xx" else "en"
    assert [example.prompt.gold for example in examples] == [
        f"First in {target}.",
        f"Second in {target}.",
    ]
    assert {example.prompt.answer_language for example in examples} == {target}
    assert {example.prompt.language for example in examples} == {tag}
    assert [example.prompt.family for example in examples] == ["flores-1", "flores-2"]


def test_pairs_that_are_not_english():
    [first, _] = FLORES.examples(rows, "sw", PromptFormat(variant="zh-Hans-xx"))
    assert "from Chinese (Simplified) into Swahili" in first.prompt.text
    assert first.prompt.gold == "First in sw."
    assert first.prompt.text.endswith("\n\nFirst in zh-Hans.")
    assert FLORES.variants[:2] == ("en-xx", "xx-en")
    assert pair_of("xx-sr-Latn", "de") == ("de", "sr-Latn")
    assert set(pair_variants(["de", "en"])) == {"en-xx", "xx-en", "de-xx", "xx-de"}


def test_a_language_into_itself_is_nothing():
    assert FLORES.examples(rows, "en", PromptFormat()) == []
    assert FLORES.examples(rows, "de", PromptFormat(variant="xx-de")) == []


def test_shots_are_of_the_other_split():
    def split_rows(split: str) -> list[dict]:
        return [{**row, "sentence": f"{split}: {row['sentence']}"} for row in rows(split)]

    [first, _] = FLORES.examples(split_rows, "sw", PromptFormat(shots=1))
    turns = [message["content"] for message in first.prompt.prompt]
    assert turns[0].endswith("\n\ntrain@en: First in en.")
    assert turns[1] == "train@sw: First in sw."
    assert turns[2].endswith("\n\ntest@en: First in en.")


@pytest.mark.parametrize("benchmark", [FLORES, NTREX], ids=["flores", "ntrex"])
def test_languages_are_those_of_the_table(benchmark):
    assert set(benchmark.languages) <= set(LANGUAGES)
    assert len(set(benchmark.languages.values())) == len(benchmark.languages) > 100
    assert benchmark.languages["sw"] in ("swh_Latn", "swa")


def test_the_identical_translation_scores_1_and_another_0():
    for tag in ("ar", "de", "hi", "ja", "km", "sw", "th", "zh-Hans"):
        own = f"{LANGUAGES[tag].own_name} {LANGUAGES[tag].own_name} {LANGUAGES[tag].own_name}"

        def both(split: str, text: str = own) -> list[dict]:
            return [{"id": 1, "text": f"{text} {split[-2:]} {text}"}]

        [example] = FLORES.examples(both, tag, PromptFormat())
        for metric in (CHRF, BLEU):
            right = np.array(metric.grade(example.prompt, example.prompt.gold))
            wrong = np.array(metric.grade(example.prompt, "0000"))
            assert metric.value(right) == pytest.approx(1)
            assert metric.value(wrong) == 0


def test_bad_questions():
    def uneven(split: str) -> list[dict]:
        return rows(split)[: 1 if split.endswith("@sw") else 2]

    with pytest.raises(
        ValueError, match=r"the same sentences in 'en' and 'sw', came 2 and 1, .* 2;"
    ):
        FLORES.examples(uneven, "sw", PromptFormat())
    with pytest.raises(ValueError, match="flores: unknown variant 'en-sw'"):
        FLORES.examples(rows, "sw", PromptFormat(variant="en-sw"))
    with pytest.raises(ValueError, match="expected at least 3 worked examples, came 2"):
        FLORES.examples(rows, "sw", PromptFormat(shots=3))
    with pytest.raises(ValueError, match="expected a column 'sentence' or 'text'"):
        FLORES.examples(lambda _: [{"id": 1}], "sw", PromptFormat())
    reader = RowReader(NTREX, "sw", data=Path("/nowhere"))
    with pytest.raises(
        ValueError, match="ntrex: expected 0 shots, for no worked examples are published, came 1"
    ):
        NTREX.examples(reader, "sw", PromptFormat(shots=1))


def test_the_words_of_summaries_are_complete():
    words = literals("xlsum")
    assert len(words) == 45
    assert {tuple(row) for row in words.values()} == {
        ("code", "instruction", "instruction_language")
    }
    assert len({row["code"] for row in words.values()}) == 45
    assert set(words) <= set(LANGUAGES)
    for tag, row in words.items():
        assert row["instruction_language"] in (tag, "en")
        if row["instruction_language"] != tag:
            assert LANGUAGES[tag].english_name.split()[-1].lower() in row["instruction"].lower()


@pytest.mark.parametrize("tag", SUMMARIES)
def test_prompts_of_summaries_are_as_frozen(tag):
    name = LANGUAGES[tag].own_name
    articles = [{"id": i, "text": f"{name} {i}.", "summary": f"{name} {name}"} for i in (1, 2)]
    examples = XLSUM.examples(lambda _: articles, tag, PromptFormat())
    assert [example.prompt.text for example in examples] == SUMMARIES[tag]["prompts"]
    for example in examples:
        for metric in XLSUM.metrics:
            if tag != "en":
                assert metric.grade(example.prompt, example.prompt.gold) == (1.0, 1.0)
            assert metric.grade(example.prompt, "0000") == (0.0, 1.0)


def test_summaries_have_shots():
    articles = [{"id": 1, "text": "Long.", "summary": "Short."}]
    [example] = XLSUM.examples(lambda _: articles, "sw", PromptFormat(shots=1))
    assert example.prompt.prompt[1]["content"] == "Short."


def test_real_lines_are_parallel_in_every_language():
    folder = published("ntrex")
    families = []
    there = {row["lang"] for row in published_rows("ntrex/ntrex.jsonl.gz")}
    tags = [tag for tag, code in NTREX.languages.items() if code in there and tag != "en"]
    assert len(tags) >= 80
    for tag in tags:
        examples = NTREX.examples(RowReader(NTREX, tag, data=folder), tag, PromptFormat())
        families.append([example.prompt.family for example in examples])
    assert len(families[0]) == (1042 if is_whole(folder) else 2)
    assert all(family == families[0] for family in families)


def test_real_sentences_of_flores_in_the_published_format(tmp_path):
    rows = published_rows("sib200/sib200_dev.jsonl.gz")
    sentences = sorted(rows, key=lambda row: row["index_id"])
    for code in ("eng_Latn", "deu_Latn", "arb_Arab", "zho_Hans"):
        lines = [row["text"] for row in sentences if row["lang"] == code]
        path = tmp_path / "devtest" / f"{code}.devtest"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for variant in ("en-xx", "xx-en", "de-xx"):
        examples = FLORES.examples(
            RowReader(FLORES, "zh-Hans", data=tmp_path), "zh-Hans", PromptFormat(variant=variant)
        )
        assert len(examples) == (99 if is_whole(published("sib200")) else 1)
