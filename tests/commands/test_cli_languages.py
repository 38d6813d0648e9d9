"""The verb `languages`: filters narrow each other, and what is unknown is told in one line."""

import json

import pytest

from isoglot.benchmarks.catalogue import BENCHMARKS
from isoglot.commands.main import main
from isoglot.core.language_sets import SETS
from isoglot.core.languages import LANGUAGES


@pytest.fixture
def languages(capsys):
    """Exit code, what was printed, and the error of `isoglot languages …`."""

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["languages", *arguments])
        printed = capsys.readouterr()
        return ended.value.code, printed.out, printed.err

    return call


@pytest.fixture
def tags(languages):
    """The tags that `isoglot languages … --json` prints."""

    def call(*arguments):
        code, out, _ = languages(*arguments, "--json")
        assert code == 0
        return [row["tag"] for row in json.loads(out)]

    return call


def test_every_language_stands_in_one_line(languages):
    code, out, _ = languages()
    assert code == 0
    assert "228 of 228 languages" in out
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert set(LANGUAGES) <= set(lines)
    for word in ("swh_Latn", "swh", "Swahili", "Kiswahili", "Atlantic-Congo", "low", "100 M"):
        assert word in lines["sw"]
    assert "unknown" in lines["la"], "nobody counts the speakers of Latin"
    assert "10 k" in lines["fo"]


@pytest.mark.parametrize(
    ("option", "value", "keeps"),
    [
        ("--tier", "low", lambda row: row.tier == "low"),
        ("--tier", "high,mid", lambda row: row.tier != "low"),
        ("--script", "Cyrl", lambda row: row.script == "Cyrl"),
        ("--family", "Turkic", lambda row: row.family == "Turkic"),
        ("--benchmark", "xcopa", lambda row: row.tag in BENCHMARKS["xcopa"].languages),
        ("--set", "xllms-100", lambda row: row.tag in SETS["xllms-100"]),
        ("--set", "lidr-5,zh", lambda row: row.tag in (*SETS["lidr-5"], "zh-Hans")),
    ],
)
def test_a_filter_keeps_what_it_says(tags, option, value, keeps):
    assert tags(option, value) == [row.tag for row in LANGUAGES.values() if keeps(row)]


def test_filters_narrow_each_other(tags):
    both = ("--tier", "low", "--script", "Cyrl")
    assert tags(*both, "--set", "xllms-100") == ["ky", "mk", "mn"]
    assert tags(*both, "--family", "Turkic") == ["ba", "ky", "tt"]
    assert tags(*both, "--benchmark", "xcopa") == []
    outside = set(SETS["xllms-100"]) - set(SETS["feedback-30"])
    assert set(tags("--set", "xllms-100,-feedback-30")) == outside


def test_the_table_has_the_codes_of_the_benchmarks_that_are_named(languages):
    code, out, _ = languages("--benchmark", "xwinograd,ntrex", "--script", "Jpan")
    assert code == 0
    assert "1 of 228 languages" in out
    assert out.split()[-2:] == ["jp", "jpn"]


def test_json_has_every_column_and_the_codes_of_all_benchmarks(languages):
    code, out, _ = languages("--json")
    assert code == 0
    rows = {row["tag"]: row for row in json.loads(out)}
    for name, benchmark in BENCHMARKS.items():
        codes = {
            tag: row["benchmarks"][name] for tag, row in rows.items() if name in row["benchmarks"]
        }
        assert codes == dict(benchmark.languages)
    assert rows["la"]["speakers"] is None
    assert rows["ja"]["own_name"] == "日本語"
    assert rows["en"]["sets"] == list(SETS)
    assert rows["en"]["ntrex"] == ["eng", "eng-GB", "eng-IN", "eng-US"]


def test_the_sets_are_listed(languages):
    code, out, _ = languages("--sets")
    assert code == 0
    for name in SETS:
        assert name in out
    assert "26·25·49" in out
    assert "11·4·15" in out
    code, out, _ = languages("--sets", "--json")
    assert {name: tuple(tags) for name, tags in json.loads(out).items()} == SETS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tier", "lo"), "no language has the tier 'lo'; did you mean 'low'?"),
        (("--tier", "best"), "no language has the tier 'best'; there are high, low, mid"),
        (("--script", "cyrl"), "did you mean 'Cyrl'?"),
        (("--family", "Turkish"), "did you mean 'Turkic'?"),
        (("--benchmark", "xcop"), "no benchmark 'xcop'; did you mean 'xcopa'?"),
        (("--set", "feedbak-30"), "did you mean 'feedback-30'?"),
        (("--set", "-aya-23"), "takes nothing away"),
        (("--sets", "--tier", "low"), "--sets lists whole sets; leave the filters out"),
    ],
)
def test_what_is_unknown_is_told_in_one_line(languages, arguments, message):
    code, out, err = languages(*arguments)
    assert code == 2
    assert not out
    assert message in err
    assert err.count("\n") == 1


def test_the_help_teaches(languages):
    code, out, _ = languages("--help")
    assert code == 0
    for word in ("--set", "--benchmark", "Example: isoglot languages", "xllms-100"):
        assert word in out


def test_evaluate_takes_sets(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "lab", "--tasks", "mgsm", "--languages", "lidr5"])
    assert ended.value.code == 2
    assert "did you mean 'lidr-5'" in capsys.readouterr().err
