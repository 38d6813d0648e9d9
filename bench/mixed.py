"""Measure how many answers with a planted language are seen as mixed, and how many clean ones are.

    python bench/mixed.py --data ../shared/data [--num 40] [--held-out] [--languages ca,nb,lv]

The sentences are those of SIB-200 for twelve languages; held out are those of NTREX-128, and nine
other languages of it. Clean answers are also those of the models in the Language Confusion
Benchmark to monolingual prompts, of which every line passes. `tests/fixtures/planted.py` plants.
"""

import argparse
import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "tests" / "fixtures"))

from planted import KINDS, Planted, planted

from isoglot.benchmarks.lcb import long_lines
from isoglot.core.languages import LANGUAGES, language_of
from isoglot.models.load import load_identifier

TWELVE = ("en", "de", "es", "id", "tr", "vi", "ru", "ar", "hi", "ja", "zh-Hans", "th")
OTHERS = ("fr", "pt", "sv", "hu", "fi", "sw", "uk", "ur", "ta")
MODELS = ("gpt-4-turbo", "command-r-plus", "mistral-large", "llama-3-instruct")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--num", type=int, default=40, help="answers of each language and kind")
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--languages", help="held-out answers in these alone, with commas between")
    parser.add_argument("-v", action="store_true", help="print what was missed or flagged")
    options = parser.parse_args()
    sib = options.data / "sib200" / "sib200_train.jsonl.gz"
    ntrex = options.data / "ntrex" / "ntrex.jsonl.gz"
    sets = [("NTREX", ntrex, TWELVE), ("NTREX", ntrex, OTHERS)]
    if options.languages:
        sets = [("NTREX", ntrex, tuple(options.languages.split(",")))]
    for name, path, tags in sets if options.held_out else [("SIB-200", sib, TWELVE)]:
        rows = list(planted(_sentences(path, tags), options.num, options.seed))
        _report(f"{name}, {' '.join(tags)}", rows, tags, options.v)
    if options.languages:
        return
    clean = [row for row in _answers(options.data / "lcb") if row.language in TWELVE]
    half = [row for i, row in enumerate(clean) if i % 2 == options.held_out]
    _report("LCB", half, TWELVE, options.v)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _sentences(path: Path, tags: Sequence[str]) -> dict[str, list[str]]:
    codes = {code: tag for tag in tags for code in (LANGUAGES[tag].flores, *LANGUAGES[tag].ntrex)}
    found: dict[str, list[str]] = {tag: [] for tag in tags}
    for row in _rows(path):
        if tag := codes.get(row["lang"]):
            found[tag].append(row["text"])
    return {tag: texts for tag, texts in found.items() if texts}


def _answers(folder: Path) -> Iterator[Planted]:
    """Yield the answers to monolingual prompts all of whose lines are in the language."""
    identifier = load_identifier(TWELVE)
    for model in MODELS:
        for row in _rows(folder / f"outputs.{model}.jsonl.gz"):
            tag = language_of(row["lang"]).tag
            if row["task"] == "monolingual" and tag in TWELVE:
                lines = long_lines(row["completion"], tag)
                if lines and set(identifier.identify(lines)) == {tag}:
                    yield Planted(tag, "", row["completion"])


def _report(title: str, rows: Sequence[Planted], tags: Sequence[str], verbose: bool) -> None:
    shares = load_identifier(tags).foreign_shares(
        [row.text for row in rows], [row.language for row in rows]
    )
    seen: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for row, share in zip(rows, shares, strict=True):
        for key in ((row.language, row.kind), ("all", row.kind)):
            seen[key].append(share > 0)
        if verbose and (share > 0) != bool(row.kind):
            print(f"{row.kind or 'CLEAN'} {row.language} {share:.3f} {row.text!r}")
    print(title)
    kinds = [kind for kind in ("", *KINDS) if ("all", kind) in seen]
    print(f"{'':9}" + "".join(f"{kind or 'clean':>16}" for kind in kinds))
    for name in ("all", *tags):
        cells = (seen.get((name, kind), []) for kind in kinds)
        print(f"{name:9}" + "".join(f"{_cell(found):>16}" for found in cells))


def _cell(found: Sequence[bool]) -> str:
    return f"{sum(found) / len(found):.3f} ({sum(found)}/{len(found)})" if found else "–"


if __name__ == "__main__":
    main()
