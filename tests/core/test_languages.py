"""The language table: complete, unique, and in agreement with the codes of real data sets."""

import gzip
import json
import math
import re

import pytest
from cases import cases
from published import is_whole, published, published_rows

from isoglot.benchmarks.catalogue import BENCHMARKS
from isoglot.core.language_sets import SETS
from isoglot.core.languages import ALIASES, LANGUAGES, language, language_of

ROWS = pytest.mark.parametrize("row", LANGUAGES.values(), ids=lambda row: row.tag)
# What the benchmarks have beside FLORES-200, whose codes are tested on the data below.
NEEDED = {
    *("pcm", "sr-Latn", "uz-Cyrl"),  # XL-Sum
    *("ar-Latn", "bn-Latn", "hi-Latn", "ne-Latn", "si-Latn", "ur-Latn"),  # Belebele
    *("en", "es", "de", "fr", "ru", "sw", "it", "pt", "nl", "sv", "id", "zh-Hans", "zh-Hant", "ar"),
    *("bn", "ja", "ko", "te", "th", "vi", "cs", "el", "he", "hi", "fa", "pl", "ro", "tr", "uk"),
    *("et", "ht", "qu", "ta"),
}


def codes(file: str) -> set[str]:
    return {row["lang"] for row in published_rows(file)}


def linguameta() -> dict[str, dict[str, str]]:
    return {row["bcp_47_code"]: row for row in published_rows("lang_metadata/linguameta.tsv.gz")}


def has_all_of_linguameta() -> bool:
    return is_whole(published("lang_metadata/linguameta.tsv.gz"))


def cldr(name: str) -> dict:
    packed = published(f"lang_metadata/cldr/{name}.json.gz").read_bytes()
    return json.loads(gzip.decompress(packed))


def test_table_has_the_languages_of_the_benchmarks():
    assert set(LANGUAGES) >= NEEDED


def test_table_has_the_205_languages_of_flores_and_sib200():
    assert sum(bool(row.flores) for row in LANGUAGES.values()) == 205


@ROWS
def test_row_is_complete(row):
    words = (row.tag, row.iso639_3, row.english_name, row.own_name, row.script, row.family)
    assert all(value and value == value.strip() for value in words)
    assert row.flores in ("", f"{row.iso639_3}_{row.script}")
    assert row.tier in {"high", "mid", "low"}
    assert len(row.iso639_3) == 3
    if row.speakers is not None:
        assert row.speakers == 10 ** round(math.log10(row.speakers)) >= 10**3


@pytest.mark.parametrize("column", ["english_name", "own_name"])
def test_column_is_unique(column):
    if column == "own_name":
        # A language may go by one name in two scripts that look alike.
        values = [(getattr(row, column), row.script) for row in LANGUAGES.values()]
    else:
        values = [getattr(row, column) for row in LANGUAGES.values()]
    assert len(set(values)) == len(values)


def test_only_a_language_in_several_scripts_has_a_script_in_its_tag():
    stems = [tag.split("-")[0] for tag in LANGUAGES]
    for tag, row in LANGUAGES.items():
        stem, _, script = tag.partition("-")
        assert script in ("", row.script)
        assert not script or stems.count(stem) > 1
        if stems.count(stem) > 1 and stem != "zh":
            assert stem in LANGUAGES


def test_rows_stand_in_the_order_of_their_tags():
    assert list(LANGUAGES) == sorted(LANGUAGES)


def test_alias_and_tag_give_the_same_row():
    assert language("zh") is language("zh-Hans") is LANGUAGES["zh-Hans"]
    assert all(target in LANGUAGES and alias not in LANGUAGES for alias, target in ALIASES.items())


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        *(("zh_Hans", "zh-Hans"), ("Swahili", "sw"), ("swh_Latn", "sw"), ("eng", "en")),
        *(("DE", "de"), ("ben", "bn"), ("ace", "ace"), ("Hindi", "hi"), ("tgk-Cyrl", "tg")),
    ],
)
def test_unknown_tag_names_the_one_that_was_meant(typo, meant):
    if typo in LANGUAGES:
        assert language(typo).tag == meant
        return
    with pytest.raises(ValueError, match=f"did you mean '{meant}'"):
        language(typo)


def test_unknown_tag_without_a_neighbour_says_where_the_known_ones_are():
    with pytest.raises(ValueError, match=r"unknown language 'qq0': .*`isoglot languages`"):
        language("qq0")


def test_a_code_of_another_project_belongs_to_one_row():
    flores = [row.flores for row in LANGUAGES.values() if row.flores]
    ntrex = [code for row in LANGUAGES.values() for code in row.ntrex]
    assert len(flores) == len(set(flores))
    assert len(ntrex) == len(set(ntrex)) == 130  # the 129 of its list and the English source


@pytest.mark.parametrize("part", ["dev", "train"])
def test_every_code_of_sib200_has_one_row(part):
    real = codes(f"sib200/sib200_{part}.jsonl.gz")
    assert real <= {row.flores for row in LANGUAGES.values()}


def test_every_code_of_ntrex_has_one_row():
    lines = published("ntrex/LANGUAGES.tsv").read_text(encoding="utf-8").splitlines()
    listed = {line.split()[0] for line in lines} | codes("ntrex/ntrex.jsonl.gz")
    assert {code for row in LANGUAGES.values() for code in row.ntrex} == listed


@pytest.mark.parametrize(
    ("benchmark", "file"),
    [
        *(("lcb", "prompts"), ("mgsm", "mgsm"), ("msvamp", "msvamp"), ("xcopa", "xcopa")),
        *(("xwinograd", "xwinograd"), ("x_alpacaeval", "prompts")),
    ],
)
def test_every_code_of_a_benchmark_has_one_row(benchmark, file):
    languages = BENCHMARKS[benchmark].languages
    tags = {code: tag for tag, code in languages.items()}
    for code in codes(f"{benchmark}/{file}.jsonl.gz"):
        assert languages[tags[code]] == code
        assert language(code).tag == tags[code], "a row that says so by itself is read alike"


@pytest.mark.parametrize("benchmark", BENCHMARKS.values(), ids=lambda benchmark: benchmark.name)
def test_a_benchmark_calls_each_row_by_a_name_of_its_own(benchmark):
    assert set(benchmark.languages) <= set(LANGUAGES)
    assert len(set(benchmark.languages.values())) == len(benchmark.languages)


def test_codes_scripts_and_names_are_those_of_linguameta():
    known = linguameta()
    # Names that the two write differently, and what LinguaMeta says too little about.
    renamed = {"ace", "acq", "ak", "ckb", "gd", "ilo", "lg", "li", "mni", "my", "nqo", "nso"}
    renamed |= {"ny", "or", "st", "yue"}
    unlisted = {"la", "sa"}
    for tag, row in LANGUAGES.items():
        stem = tag.split("-")[0]
        if stem in unlisted or (stem not in known and not has_all_of_linguameta()):
            continue
        theirs = known[stem]
        members = theirs["individual_language_bcp_47_code"].split(", ")
        assert row.iso639_3 == theirs["iso_639_3_code"] or row.iso639_3 in members
        assert stem in renamed or theirs["english_name"] in row.english_name
        if tag == stem and theirs["writing_systems"] and row.script not in ("Jpan", "Hang"):
            assert row.script in theirs["writing_systems"]


def test_speakers_are_of_the_order_that_linguameta_gives():
    known = linguameta()
    compared = 0
    for tag, row in LANGUAGES.items():
        number = known.get(tag.split("-")[0], {}).get("estimated_number_of_speakers")
        if number:
            compared += 1
            assert row.speakers is not None
            assert row.speakers <= int(number) < 10 * row.speakers
    assert compared >= (200 if has_all_of_linguameta() else 20)


def test_a_tag_is_the_one_that_cldr_has_for_its_code_and_back():
    aliases = cldr("aliases")["supplemental"]["metadata"]["alias"]["languageAlias"]
    # CLDR keeps one code for a language and those beside it, and does not know two macrolanguages'
    # members; see ALIASES for tl.
    merged = {"ajp": "apc", "fuc": "ff", "prs": "fa-AF", "tl": "fil", "tw": "ak"}
    unknown = {"ps", "qu"}
    for tag, row in LANGUAGES.items():
        stem = tag.split("-")[0]
        theirs = aliases.get(row.iso639_3, {}).get("_replacement", row.iso639_3)
        assert theirs == merged.get(stem, row.iso639_3 if stem in unknown else stem)
    stems = {(tag.split("-")[0], row.iso639_3) for tag, row in LANGUAGES.items()}
    assert len(stems) == len({stem for stem, _ in stems}) == len({code for _, code in stems})


def test_a_language_without_a_script_in_its_tag_is_in_its_usual_one():
    likely = cldr("likelySubtags")["supplemental"]["likelySubtags"]
    # Korean's is called by another name; the others are as FLORES-200 and NTREX have them.
    others = {"ko": "Kore", "crh": "Cyrl", "mey": "Latn", "shi": "Tfng", "tzm": "Latn"}
    compared = [tag for tag in LANGUAGES if "-" not in tag and tag in likely]
    assert len(compared) > 200
    for tag in compared:
        assert likely[tag].split("-")[1] == others.get(tag, LANGUAGES[tag].script)


def test_codes_and_scripts_are_those_of_url_nlp():
    rows = published_rows("lang_metadata/language_metadata.tsv.gz")
    known = {row["BCP-47 code"]: row for row in rows}
    macrolanguages = {tag: row["iso_639_3_code"] for tag, row in linguameta().items()}
    compared = [tag for tag in LANGUAGES if "-" not in tag and tag in known]
    assert len(compared) >= (195 if has_all_of_linguameta() else 18)
    for tag in compared:
        row, theirs = LANGUAGES[tag], known[tag]
        assert theirs["ISO 639 code"] in (row.iso639_3, macrolanguages.get(tag))
        if tag != "ko":
            assert row.script in theirs["Writing system(s), ISO 15924"]


def test_names_are_those_of_cldr():
    rows = published_rows("lang_metadata/cldr/display_names.jsonl.gz")
    names = {row["lang"]: row["languages"] for row in rows}
    # Bangla, Divehi, Kanuri, Kurdish and Māori there.
    renamed = {"bn", "dv", "kr", "ku", "mi"}
    english = {tag: names["en"][tag] for tag in LANGUAGES if "-" not in tag and tag in names["en"]}
    assert len(english) > 190
    for tag in english.keys() - renamed:
        assert LANGUAGES[tag].english_name == english[tag]
    own = [tag for tag in names if tag in LANGUAGES]
    assert len(own) > 20
    for tag in own:
        assert LANGUAGES[tag].own_name.endswith(names[tag][tag])


def test_the_hundred_are_languages_that_cldr_covers():
    found = cldr("coverageLevels")
    levels = found["coverageLevels"] | found["effectiveCoverageLevels"]
    missing = {tag for tag in SETS["xllms-100"] if tag not in levels}
    assert missing == {"tl", "ckb", "kab"}, "tl is fil there; two are below basic, with all we need"
    assert "fil" in levels


@pytest.mark.parametrize(
    ("code", "tag"),
    [
        ("sw", "sw"), ("swh_Latn", "sw"), ("swa", "sw"), ("Swahili", "sw"), ("SW", "sw"),
        ("ara", "ar"), ("arb", "ar"), ("cmn", "zh-Hans"), ("zh_TW", "zh-Hant"), ("zh", "zh-Hans"),
        ("de-DE", "de"), ("pt_BR", "pt"), ("sr-Latn", "sr-Latn"), ("eng", "en"), ("amh", "am"),
        ("de_DE.UTF-8", "de"), ("sr_RS@latin", "sr-Latn"), ("ca-valencia", "ca"), ("es-419", "es"),
        ("zh-HK", "zh-Hant"), ("sr-ME", "sr-Latn"), ("fa_AF", "prs"), ("yue-HK", "yue"),
        ("fil-PH", "tl"), ("no_NO", "nb"), ("ko-kr", "ko"), ("pt-br", "pt"), ("Español", "es"),
        ("Flemish", "nl"), ("Dari", "prs"), ("BURMESE", "my"), ("français", "fr"),
    ],
)  # fmt: skip
def test_data_sets_write_a_language_in_many_ways(code, tag):
    assert language_of(code).tag == tag


@pytest.mark.parametrize("row", LANGUAGES.values(), ids=lambda row: row.tag)
def test_a_language_is_read_by_each_of_its_own_codes_and_names(row):
    for code in (row.tag, row.tag.upper(), row.tag.replace("-", "_"), row.flores, row.english_name):
        assert not code or language_of(f" {code} ") is row
    # A language may go by one name in two scripts, and in English letters by its English name.
    assert language_of(row.own_name).iso639_3 == row.iso639_3


@cases("language_hint")
def test_a_code_is_read_or_the_hint_names_what_was_meant(case):
    assert _tag_or_hint(case.input) in case.right


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        *(("cz", "hint cs"), ("gr", "hint el"), ("cn", "hint zh-Hans"), ("dk", "hint da")),
        # Northern Sami, several official languages, a language without a row, Kazakh in Arabic
        # script, a pair of languages.
        *((code, "no hint") for code in ("se", "by", "tlh", "klingon", "kk-CN", "en-de", "fr-be")),
    ],
)
def test_an_unclear_code_has_no_hint(code, hint):
    assert _tag_or_hint(code) == hint


def _tag_or_hint(code: str) -> str:
    try:
        return language(code).tag
    except ValueError as error:
        found = re.search(r"did you mean '([^']+)'", str(error))
        return f"hint {found[1]}" if found else "no hint"


@pytest.mark.parametrize("code", ["", "xx", "en-de", "Klingon", "ua", "pa-PK", "zh-Latn", "de-XQ"])
def test_what_is_no_language_is_refused(code):
    with pytest.raises(ValueError, match="unknown language"):
        language_of(code)
