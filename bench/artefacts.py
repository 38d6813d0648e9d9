"""Measure the artefact checks: recall of planted faults, and agreement of a score with people.

Run from the root of the repository, on one core:

    OMP_NUM_THREADS=1 python bench/artefacts.py ../shared/data

The data folder holds `sib200`, `ntrex` and `mlqe_pe`. A hash assigns every item (parallel in all
its languages) to `fit`, on which lengths are fitted and thresholds were chosen, or to `test`, on
which every number is measured. `--part fit` prints the same tables of the other half.
"""

import argparse
import gzip
import hashlib
import json
import math
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from scipy.stats import spearmanr

from isoglot.core.languages import LANGUAGES
from isoglot.core.missing_numbers import missing_numbers
from isoglot.core.protocols import Translation
from isoglot.core.text import digits_to_ascii
from isoglot.data.artefacts import (
    CHECKS,
    ArtefactConfig,
    deviations_of,
    find_artefacts,
)
from isoglot.models.language.identifier import RestrictedIdentifier

TAGS = (
    *("de", "fr", "es", "ru", "fi", "sw", "tr", "vi", "hi", "am", "si", "my", "th", "ja"),
    *("zh-Hans", "ar"),
)
Item = tuple[str, str]
"""A text in English and in another language."""


def part_of(key: object) -> str:
    return ("fit", "test")[int(hashlib.sha256(str(key).encode()).hexdigest(), 16) % 2]


def read_rows(path: Path) -> Iterator[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def read_parallel(data: Path) -> tuple[dict, dict, dict]:
    """Read SIB-200 and NTREX by language and item, and the document of each NTREX line."""
    sib: dict = defaultdict(dict)
    ntrex: dict = defaultdict(dict)
    documents = {}
    of_flores = {row.flores: row.tag for row in LANGUAGES.values()}
    of_ntrex = {code: row.tag for row in LANGUAGES.values() for code in row.ntrex}
    for name in ("train", "dev"):
        for row in read_rows(data / f"sib200/sib200_{name}.jsonl.gz"):
            sib[of_flores[row["lang"]]][row["index_id"]] = row["text"]
    for row in read_rows(data / "ntrex/ntrex.jsonl.gz"):
        ntrex[of_ntrex[row["lang"]]].setdefault(row["line"], row["text"])
        documents[row["line"]] = row["doc"]
    return sib, ntrex, documents


def sentence_items(sib: dict, ntrex: dict, tag: str, part: str) -> list[Item]:
    """Return single sentences from both corpora."""
    return [
        (corpus["en"][key], corpus[tag][key])
        for corpus in (sib, ntrex)
        for key in sorted(corpus.get(tag, {}))
        if key in corpus["en"] and part_of(key) == part
    ]


def passages(
    ntrex: dict, documents: dict, tag: str, part: str
) -> list[tuple[list[str], list[str]]]:
    """Return triples of consecutive sentences of NTREX, in both languages."""
    theirs, english = ntrex.get(tag, {}), ntrex["en"]
    lines = [k for k in sorted(theirs) if k + 2 in theirs and documents[k] == documents[k + 2]]
    starts = [k for k in lines if k % 3 == 0 and part_of(k) == part and k + 1 in theirs]
    return [([english[k + i] for i in range(3)], [theirs[k + i] for i in range(3)]) for k in starts]


def swapped_number(text: str, rng: random.Random) -> str | None:
    """Change one digit of one number of two digits or more; None without such a number."""
    found = list(re.finditer(r"\d{2,}", digits_to_ascii(text)))
    if not found:
        return None
    number = rng.choice(found)
    place = rng.randrange(number.start(), number.end())
    zero = ord(text[place]) - int(digits_to_ascii(text[place]))
    other = rng.choice([d for d in range(1, 10) if d != int(digits_to_ascii(text[place]))])
    return text[:place] + chr(zero + other) + text[place + 1 :]


def wilson(hits: int, num: int) -> str:
    """Format a share with its 95 % interval (Wilson)."""
    if not num:
        return "–"
    z, p = 1.96, hits / num
    middle = (p + z * z / (2 * num)) / (1 + z * z / num)
    half = z * math.sqrt(p * (1 - p) / num + z * z / (4 * num * num)) / (1 + z * z / num)
    return f"{p:.3f} [{max(0, middle - half):.3f}, {min(1, middle + half):.3f}]"


def planted(
    sib: dict, ntrex: dict, documents: dict, tag: str, part: str
) -> dict[str, tuple[list[Item], list[Item]]]:
    """Return for each fault the clean items, and the same items with the fault."""
    rng = random.Random(f"{tag} {part}")
    single = sentence_items(sib, ntrex, tag, part)
    long = passages(ntrex, documents, tag, part)
    blank = "" if LANGUAGES[tag].script in ("Hans", "Jpan") else " "
    other = rng.choice([each for each in TAGS if each != tag])
    others = dict(sentence_items(sib, ntrex, other, part))
    numbers = [(s, t, swapped_number(t, rng)) for s, t in single]

    def text(sentences: Sequence[str], left_out: int | None = None) -> str:
        return blank.join(s for i, s in enumerate(sentences) if i != left_out)

    whole = [(" ".join(s), text(t)) for s, t in long]
    drop = [(" ".join(s), text(t, rng.randrange(3))) for s, t in long]
    untranslated = []
    for s, t in long:
        i = rng.randrange(3)
        untranslated.append((" ".join(s), text([s[i] if j == i else u for j, u in enumerate(t)])))
    looped = [(s, t + (blank + t[-max(6, len(t) // 8) :].strip()) * 5) for s, t in single]
    return {
        "dropped sentence": (whole, drop),
        "swapped number": (
            [(s, t) for s, t, bad in numbers if bad],
            [(s, bad) for s, _, bad in numbers if bad],
        ),
        "wrong language": (single, [(s, others[s]) for s, _ in single if s in others]),
        "copy": (single, [(s, s) for s, _ in single]),
        "sentence left in English": (whole, untranslated),
        "loop": (single, looped),
    }


NAMES = {
    "dropped sentence": {"sentence_count", "length_ratio"},
    "swapped number": {"lost_number"},
    "wrong language": {"wrong_language"},
    "copy": {"copied_source"},
    "sentence left in English": {"copied_source", "wrong_language"},
    "loop": {"repetition", "length_ratio"},
}


def print_planted(corpora: tuple[dict, dict, dict], part: str, config: ArtefactConfig) -> None:
    identifier = RestrictedIdentifier(["en", *TAGS])
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    alarms: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    cells: dict[str, dict[str, tuple[int, int, int, int]]] = defaultdict(dict)
    for tag in TAGS:
        for fault, (clean, bad) in planted(*corpora, tag, part).items():
            counts = []
            for items in (bad, clean):
                rows = [Translation(s, t, "en", tag) for s, t in items]
                found = find_artefacts(rows, identifier, config)
                counts += [sum(bool(NAMES[fault] & set(names)) for names in found), len(items)]
                if items is clean and fault in ("copy", "dropped sentence"):
                    for name in CHECKS:
                        kind = f"{name} · {'sentences' if fault == 'copy' else 'passages'}"
                        alarms[kind][0] += sum(name in names for names in found)
                        alarms[kind][1] += len(items)
            cells[tag][fault] = (counts[0], counts[1], counts[2], counts[3])
            totals[fault] = [a + b for a, b in zip(totals[fault], counts, strict=True)]
    print("fault: recall; precision, one clean for each faulty; false alarms on clean text")
    for fault, (hits, num, false, num_clean) in totals.items():
        scaled = round(false * num / num_clean) if num_clean else 0
        rates = wilson(hits, num), wilson(hits, hits + scaled), wilson(false, num_clean)
        print(f"| {fault} | {num} | {' | '.join(rates)} |")
    print("\nlanguage: recall / precision of " + ", ".join(NAMES))
    for tag, row in cells.items():
        shown = []
        for hits, num, false, num_clean in row.values():
            rate = false / num_clean * num if num_clean else 0
            precise = f"{hits / (hits + rate):.2f}" if hits + rate else "–"
            shown.append(f"{hits / num:.2f} / {precise}" if num else "–")
        print(f"| {tag} | " + " | ".join(shown) + " |")
    print("\nfalse alarms of each check")
    for kind, (hits, num) in alarms.items():
        print(f"| {kind} | {num} | {wilson(hits, num)} |")


def interval(
    score: Sequence[float], human: Sequence[float], rng: random.Random
) -> tuple[float, float, float]:
    """Return Spearman's ρ with a bootstrap interval."""
    value = float(spearmanr(score, human).statistic)
    places, draws = range(len(score)), []
    for _ in range(200):
        drawn = rng.choices(places, k=len(score))
        draws.append(
            float(spearmanr([score[i] for i in drawn], [human[i] for i in drawn]).statistic)
        )
    draws.sort()
    return value, draws[4], draws[194]


def artefact_score(pair: Translation) -> float:
    """Score how likely a translation is to be bad, from 0 to 1, for ranking.

    A weighted mean of four signs: repeated words, the deviation from the expected length, lost and
    new numbers, the difference in punctuation marks. They are weak, and none works without blanks
    between words; with a log-probability of the translator, the improbability of a token makes up
    most of the score. The weights were chosen on half of MLQE-PE.
    """
    words = [word.casefold() for word in re.findall(r"\w+", pair.translation)]
    source = pair.source, pair.source_language
    translation = pair.translation, pair.target_language
    numbers = missing_numbers(*source, *translation) + missing_numbers(*translation, *source)
    marks = [len(re.findall(r"[^\w\s]", text)) for text in (pair.source, pair.translation)]
    signs = (
        1 - len(set(words)) / len(words) if words else 0.0,
        min(1.0, abs(deviations_of([pair])[0]) / 6),
        min(1.0, len(numbers) / 2),
        abs(marks[0] - marks[1]) / max(1, *marks),
    )
    shown = sum(w * sign for w, sign in zip((0.5, 0.35, 0.1, 0.05), signs, strict=True))
    if pair.log_probability is None:
        return shown
    return 0.7 * (1 - math.exp(pair.log_probability)) + 0.3 * shown


def print_mlqe(data: Path, part: str) -> None:
    rows = [
        row
        for row in read_rows(data / "mlqe_pe/da_dev.jsonl.gz")
        if part_of(row["original"]) == part
    ]
    print(
        "\nMLQE-PE: Spearman's rho with the human mean: score with the model's log-probability, "
        "score of the text alone, length ratio, log-probability alone"
    )
    rng = random.Random(1)
    for name in sorted({row["lang"] for row in rows}):
        source, target = (tag.replace("zh", "zh-Hans") for tag in name.split("-"))
        those = [row for row in rows if row["lang"] == name]
        pairs = [Translation(row["original"], row["translation"], source, target) for row in those]
        human = [row["z_mean"] for row in those]
        with_model = [
            pair._replace(log_probability=float(row["model_scores"]))
            for pair, row in zip(pairs, those, strict=True)
        ]
        scores: dict[str, Callable[[int], float]] = {
            "score": lambda i, p=with_model: -artefact_score(p[i]),
            "text": lambda i, p=pairs: -artefact_score(p[i]),
            "length": lambda i, p=pairs: -abs(deviations_of([p[i]])[0]),
            "model": lambda i, p=with_model: p[i].log_probability,
        }
        shown = [
            "{:.3f} [{:.3f}, {:.3f}]".format(
                *interval([score(i) for i in range(len(pairs))], human, rng)
            )
            for score in scores.values()
        ]
        print(f"| {name} | {len(pairs)} | " + " | ".join(shown) + " |")


def print_numbers(sib: dict, ntrex: dict, part: str) -> None:
    """Print false alarms of `lost_number` and its recall, in every third language."""
    check, config = CHECKS["lost_number"], ArtefactConfig()
    hits, num, alarms, num_clean = 0, 0, 0, 0
    for tag in sorted({*sib, *ntrex} - {"en"})[::3]:
        rng = random.Random(f"{tag} {part}")
        for source, text in sentence_items(sib, ntrex, tag, part)[::4]:
            pair = Translation(source, text, "en", tag)
            alarms, num_clean = alarms + check(pair, config), num_clean + 1
            if changed := swapped_number(text, rng):
                hits, num = hits + check(pair._replace(translation=changed), config), num + 1
    print(f"false alarms {wilson(alarms, num_clean)} of {num_clean}")
    print(f"changed digits found {wilson(hits, num)} of {num}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--part", default="test", choices=("fit", "test"))
    parser.add_argument("--numbers", action="store_true", help="of lost_number alone, quickly")
    options = parser.parse_args()
    corpora = read_parallel(options.data)
    if options.numbers:
        print_numbers(*corpora[:2], options.part)
        return
    print_planted(corpora, options.part, ArtefactConfig())
    print_mlqe(options.data, options.part)


if __name__ == "__main__":
    main()
