"""Every check fires on its fault and stays silent on a good translation."""

import pytest

pytest.importorskip("sentencex", reason="splits sentences")

from cases import cases
from fakes import FakeIdentifier, FakeTranslator
from published import is_whole, published, published_rows

from isoglot.core.languages import LANGUAGES
from isoglot.core.protocols import Translation
from isoglot.core.records import Prompt
from isoglot.data.artefacts import (
    CHECKS,
    ArtefactConfig,
    artefact_check,
    back_translation_chrf,
    find_artefacts,
)
from isoglot.data.translate import translate_prompts
from isoglot.data.untranslatable import UNTRANSLATABLE, untranslatable
from isoglot.models.load import load_identifier

GOOD = (
    "The bridge over the river was closed in 1998. It was opened again 12 years later.",
    "Die Brücke über den Fluss wurde 1998 geschlossen. Sie wurde 12 Jahre später wieder geöffnet.",
)


@pytest.fixture(scope="module")
def identifier():
    return load_identifier(["en", "de", "fr", "sw", "ja", "zh-Hans", "hi", "ar"])


def faults_of(source, translation, identifier, target="de", **settings):
    config = ArtefactConfig(**settings)
    row = Translation(source, translation, "en", target)
    return find_artefacts([row], identifier, config)[0]


def test_a_good_translation_has_no_fault(identifier):
    assert faults_of(*GOOD, identifier) == []


@pytest.mark.parametrize(
    ("source", "translation", "fault"),
    [
        (*GOOD[:1], "Die Brücke über den Fluss wurde 1998 geschlossen.", "sentence_count"),
        (*GOOD[:1], GOOD[0], "copied_source"),
        (*GOOD[:1], GOOD[1].replace("1998", "1989"), "lost_number"),
        (*GOOD[:1], GOOD[1].replace("12 Jahre", "15 Jahre"), "lost_number"),
        (*GOOD[:1], GOOD[1] + " Sie wurde wieder" * 6, "repetition"),
        (*GOOD[:1], "Brücke zu 1998, 12.", "length_ratio"),
        (
            *GOOD[:1],
            "Le pont sur le fleuve a été fermé en 1998. Il a été rouvert 12 ans plus tard.",
            "wrong_language",
        ),
        (
            "Write to a.b@c.example about {name}.",
            "Schreiben Sie an a.b@c.example über {Name}.",
            "lost_placeholder",
        ),
        ("Run `ls -l` twice, then `ls -l`.", "Führe zweimal `ls -l` aus.", "lost_placeholder"),
        (
            f"{GOOD[0]} The old mayor was very happy about the new bridge.",
            f"{GOOD[1]} The old mayor was very happy about the new bridge.",
            "copied_source",
        ),
    ],
)
def test_each_fault_has_its_name(identifier, source, translation, fault):
    assert fault in faults_of(source, translation, identifier)
    off = tuple(name for name in CHECKS if name != fault)
    assert fault not in faults_of(source, translation, identifier, checks=off)


@pytest.mark.parametrize(
    ("source", "translation", "target"),
    [
        ("It costs $1,250.50 today.", "Es kostet heute 1.250,50 $.", "de"),
        ("In 2023 he was 41 years old.", "۲۰۲۳ में वह ४१ साल का था।", "hi"),
        ("A town of 1.2 million people.", "人口120万人の町。", "ja"),
        ("The train leaves at 5:30 p.m.", "Der Zug fährt um 17:30 Uhr.", "de"),
        ("The season of 1995-96 was good.", "Die Saison 1995/1996 war gut.", "de"),
        ("It lies 30 miles from there.", "Es liegt 48 Kilometer von dort.", "de"),
        ("He has 3 dogs.", "Er hat drei Hunde.", "de"),
        ("See [1] and https://a.example/12.", "Siehe [1] und https://a.example/12.", "de"),
    ],
)
def test_a_number_may_be_written_in_another_way(identifier, source, translation, target):
    assert "lost_number" not in faults_of(source, translation, identifier, target)


@cases("lost_number")
def test_kept_translations_of_numbers(identifier, case):
    given = case.input
    found = faults_of(given["source"], given["translation"], identifier, given["language"])
    assert ("lost_number" in found) in case.right


def test_a_converted_unit_excuses_no_other_number(identifier):
    source = "It is 30 miles from a town of 45 houses."
    converted = "Es liegt 48 Kilometer von einer Stadt mit {} Häusern."
    assert "lost_number" not in faults_of(source, converted.format("45"), identifier)
    assert "lost_number" not in faults_of(source, converted.format("fünfundvierzig"), identifier)
    assert "lost_number" in faults_of(source, converted.format("54"), identifier)


def test_code_waters_no_ratio_down(identifier):
    code = "```\n" + "x = 1\n" * 40 + "```"
    source = f"{code}\n{GOOD[0]}"
    assert faults_of(source, f"{code}\n{GOOD[1]}", identifier) == []
    assert "length_ratio" in faults_of(source, f"{code}\nDie.", identifier)
    assert faults_of(code, code, identifier) == []


def test_an_empty_translation_is_too_short(identifier):
    assert "length_ratio" in faults_of(GOOD[0], "", identifier)


def test_back_translation():
    there = {("b", "en"): "the same", ("c", "en"): "other words"}
    rows = [Translation("the same", text, "en", "de") for text in "bcd"]
    values = back_translation_chrf(rows, FakeTranslator(there))
    assert values[0] == pytest.approx(1)
    assert 0 <= values[1] < 0.5
    assert values[2] is None


def test_a_translation_that_does_not_lead_back_has_a_fault_and_an_unknown_one_has_none():
    there = {("Ein Haus.", "en"): "A house.", ("Ein Pferd.", "en"): "Completely other words here."}
    translations = ["Ein Haus.", "Ein Pferd.", "Ein Tier."]
    rows = [Translation("A house.", text, "en", "de") for text in translations]
    config = ArtefactConfig(checks=(), min_back_translation=0.6)
    identifier = FakeIdentifier({})
    check = artefact_check(identifier, config, FakeTranslator(there))
    assert check(rows) == [None, "back_translation", None]
    check = artefact_check(identifier, ArtefactConfig(checks=()), FakeTranslator(there))
    assert check(rows) == [None, None, None]


def test_a_translation_that_its_translator_finds_unlikely_has_a_fault_and_an_unknown_one_has_none():
    copy = "A copy of it all, I think."
    rows = [
        Translation("A house.", "Ein Haus.", "en", "de", -0.5),
        Translation("A horse.", "Ein Pfund.", "en", "de", -2.5),
        Translation("A tree.", "Ein Baum.", "en", "de"),
        Translation(copy, copy, "en", "de", -2.5),
    ]
    config = ArtefactConfig(checks=("copied_source",), min_log_probability=-1.5)
    assert ArtefactConfig(checks=(), min_log_probability=-1.5).is_used
    check = artefact_check(FakeIdentifier({}), config)
    assert check(rows) == [None, "unlikely", None, "copied_source"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Translate this sentence into French: I am here.", "translation"),
        ("Correct the grammar of this sentence.\nHe go home.", "grammar"),
        ("Find the misspelling: recieve", "grammar"),
        ("Rewrite it in the passive voice.", "language"),
        ("Give a word that rhymes with orange.", "wordplay"),
        ("Make an anagram of listen.", "wordplay"),
        ("Name five animals that start with the letter K.", "spelling"),
        ("How many letters are in strawberry?", "spelling"),
        ("What does this do?\n```py\nprint(1)\n```", "code"),
        ("Fix it.\ndef add(a, b):\n    a + b", "code"),
        ("Write a haiku about the sea.", None),
        ("Give three tips for staying healthy.", None),
        ("Name five oceans.\n<no input>", None),
        ("Write a Python function that adds two numbers.", None),
        ("Write a letter. I am ill.", None),
        ("Convert the Roman numeral to Arabic numerals.\nXIV", None),
    ],
)
def test_prompts_that_hang_on_their_words(text, reason):
    assert untranslatable(text) == reason
    assert reason is None or reason in UNTRANSLATABLE


def test_prompts_are_checked_and_routed_around(identifier):
    texts = {"good": GOOD[0], "copied": f"{GOOD[0]} Again.", "rhyme": "Words that rhyme with tree"}
    prompts = [Prompt.from_text(t, language="en", family=name) for name, t in texts.items()]
    translator = FakeTranslator({(texts["good"], "de"): GOOD[1], (texts["copied"], "de"): GOOD[0]})
    rows, dropped = translate_prompts(
        prompts, translator, source="en", languages=["en", "de"],
        check=artefact_check(identifier), exclude=untranslatable,
    )  # fmt: skip
    assert [(row.family, row.language) for row in rows[3:]] == [("good", "de")]
    assert [(d.family, d.language, d.reason) for d in dropped] == [
        ("rhyme", "de", "untranslatable_wordplay"),
        ("copied", "de", "copied_source"),
    ]


def test_professional_translations_pass_and_planted_faults_do_not(identifier):
    tags = {"de", "fr", "sw", "ja", "zh-Hans", "hi", "ar"}
    of_flores = {row.flores: row.tag for row in LANGUAGES.values()}
    texts = {
        (of_flores[row["lang"]], row["index_id"]): row["text"]
        for row in published_rows("sib200/sib200_dev.jsonl.gz")
    }
    keys = sorted((tag, i) for tag, i in texts if tag in tags and ("en", i) in texts)
    english, theirs = [texts["en", i] for _, i in keys], [texts[key] for key in keys]
    targets = [tag for tag, _ in keys]

    def share(translations, *names):
        columns = zip(english, translations, targets, strict=True)
        rows = [Translation(source, text, "en", tag) for source, text, tag in columns]
        found = find_artefacts(rows, identifier, ArtefactConfig())
        return sum(bool(set(names or CHECKS) & set(faults)) for faults in found) / len(keys)

    assert len(keys) >= (600 if is_whole(published("sib200")) else 7)
    assert share(theirs) < 0.05
    assert share(english, "copied_source") > 0.95
    assert share([text[: len(text) // 4] for text in theirs], "length_ratio") > 0.9
    assert share([text + " 4711" * 9 for text in theirs], "repetition") > 0.99
