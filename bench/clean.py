"""Measure cleaning: recall of planted copies, false alarms, speed and memory.

    OMP_NUM_THREADS=1 python bench/clean.py --data ../shared/data
    OMP_NUM_THREADS=1 python bench/clean.py --data ../shared/data --rows 100000

In each language 100 sentences of SIB-200 are evaluation items (half of them XCOPA's premises with
their first choice, where it has the language). Each is changed in one way and put before a sentence
of NTREX. Rows of NTREX alone, and with sentences of SIB-200 that are no items, must be kept. For
the search for near-duplicates the same copies are rows of their own.

With --rows: CPU seconds and growth of the peak memory over rows of three sentences; and, where
datasketch is installed, its MinHash and LSH on 5,000 of them.
"""

import argparse
import gzip
import json
import random
import resource
import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from isoglot.core.languages import LANGUAGES
from isoglot.core.ngrams import gram_chars, ngrams
from isoglot.core.records import Demonstration, content_id
from isoglot.data.clean import CleanConfig, compared_text, row_id
from isoglot.data.contamination import EvaluationItem
from isoglot.line.demonstrations import find_drops

TAGS = (
    *("en", "de", "tr", "vi", "sw", "id", "ru", "kk", "ka", "ar", "ur", "hi", "ta", "ml", "si"),
    *("th", "km", "my", "zh-Hans", "ja", "ko", "am", "bo"),
)
NUM_ITEMS = 100


def edited(one_in: int) -> Callable[[str, random.Random], str]:
    """Replace one character in so many by another one of the text."""

    def change(text: str, draw: random.Random) -> str:
        letters = list(text)
        for place in draw.sample(range(len(letters)), max(1, len(letters) // one_in)):
            letters[place] = draw.choice(text)
        return "".join(letters)

    return change


def punctuated(text: str, draw: random.Random) -> str:
    """Replace and add punctuation."""
    kept = (" " if unicodedata.category(c).startswith("P") else c for c in text)
    return "«" + "".join(c + draw.choice(("", "", "", "", " -", ", ")) for c in kept) + "»!"


def cased(text: str, _: random.Random) -> str:
    """Write in capitals, if the script has them."""
    return text.upper()


def spaced(text: str, draw: random.Random) -> str:
    """Remove and double blanks, and insert some between letters."""
    return "".join(
        draw.choice(("", " ", "\u00a0\n")) if c == " " else c + draw.choice(("", "", "", " "))
        for c in text
    )


CHANGES: dict[str, Callable[[str, random.Random], str]] = {
    "exact": lambda text, _: text,
    "punctuation": punctuated,
    "case": cased,
    "blanks": spaced,
    "edit 1/50": edited(50),
    "edit 1/25": edited(25),
}


def main() -> None:
    """Print one row for each measurement."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int)
    args = parser.parse_args()
    if args.rows:
        speed(args.data, args.rows)
    else:
        planted(args.data)


def planted(data: Path) -> None:
    """Print recall of each change and false alarms, by language."""
    sib, clean = sentences(data, "sib200/sib200_train"), sentences(data, "ntrex/ntrex")
    xcopa = sentences(data, "xcopa/xcopa")
    print(
        "| language | n | clean rows | too short | " + " | ".join(CHANGES) + " | alarms | twins: ",
        end="",
    )
    print(" | ".join(CHANGES) + " | alarms |")
    for tag in TAGS:
        if tag not in sib or tag not in clean:
            print(f"| {tag}: not in the data |")
            continue
        texts = [*xcopa.get(tag, [])[: NUM_ITEMS // 2], *sib[tag]][:NUM_ITEMS]
        others = sib[tag][-NUM_ITEMS:]
        cells = [*contamination(tag, texts, others, clean[tag]), *twins(tag, texts, clean[tag])]
        print(f"| {tag} | {gram_chars(tag)} | " + " | ".join(cells) + " |", flush=True)


def contamination(
    tag: str, texts: Sequence[str], others: Sequence[str], clean: Sequence[str]
) -> list[str]:
    """Return the number of clean rows, of too short items, recall by change, false alarms."""
    draw, rows, planted = random.Random(1), list[Demonstration](), dict[str, list[str]]()
    for name, change in CHANGES.items():
        made = [
            row(tag, clean[i % len(clean)], f"{change(text, draw)} {clean[-1 - i % 400]}", name)
            for i, text in enumerate(texts)
        ]
        planted[name] = [row_id(each) for each in made]
        rows += made
    innocent = [row(tag, a, b, "clean") for a, b in zip(clean, [*others, *clean], strict=False)]
    items = [EvaluationItem("planted", tag, content_id(text), text) for text in texts]
    config = CleanConfig(max_similarity=None)
    fitted = find_drops([rows + innocent], items, config)
    drops, unknown = fitted["drops"], fitted["contamination"][0]["unknown_items"]
    found = [f"{sum(id in drops for id in ids)}/{len(ids)}" for ids in planted.values()]
    return [
        str(len(innocent)),
        str(unknown),
        *found,
        str(sum(row_id(each) in drops for each in innocent)),
    ]


def twins(tag: str, texts: Sequence[str], clean: Sequence[str]) -> list[str]:
    """Return recall by change, each one next to the originals, and dropped rows without a twin."""
    cells, alarms = [], set()
    for name, change in CHANGES.items():
        draw = random.Random(2)
        originals = [row(tag, text, "", "original") for text in texts]
        copies = [row(tag, change(text, draw), "", name) for text in texts]
        others = [row(tag, text, "", "clean") for text in clean]
        drops = find_drops([originals + copies + others], (), CleanConfig(max_overlap=None))[
            "drops"
        ]
        pairs = zip(originals, copies, strict=True)
        cells.append(
            f"{sum(row_id(a) in drops or row_id(b) in drops for a, b in pairs)}/{len(texts)}"
        )
        alarms |= {row_id(each) for each in others} & drops.keys()
    return [*cells, str(len(alarms))]


def row(tag: str, prompt: str, answer: str, model: str) -> Demonstration:
    """Build a demonstration of two texts."""
    turns = ({"role": "user", "content": prompt}, {"role": "assistant", "content": answer})
    family = content_id(prompt, answer)
    return Demonstration(turns, family, content_id(tag, prompt), tag, tag, model, "bench")


def sentences(data: Path, name: str) -> dict[str, list[str]]:
    """Read language → distinct sentences."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    with gzip.open(data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in map(json.loads, file):
            text = line.get("text") or f"{line['premise']} {line['choice1']}"
            try:
                found[_tag(name, line["lang"])][text] = None
            except KeyError:
                continue  # the table lacks the language
    return {tag: list(texts) for tag, texts in found.items()}


def _tag(name: str, code: str) -> str:
    if name.startswith("sib200"):
        return {row.flores: row.tag for row in LANGUAGES.values()}[code]
    if name.startswith("ntrex"):  # the first code: eng-GB has nearly the same sentences as eng-US
        return {row.ntrex[0]: row.tag for row in LANGUAGES.values() if row.ntrex}[code]
    return "zh-Hans" if code == "zh" else code


def speed(data: Path, num_rows: int) -> None:
    """Print rows per second and memory; one row in ten is a near-duplicate."""
    ntrex = sentences(data, "ntrex/ntrex")
    items = [
        EvaluationItem("sib200", tag, content_id(tag, text), text)
        for tag, texts in sentences(data, "sib200/sib200_train").items()
        for text in texts
    ]
    shards = Made(ntrex, num_rows)
    chars = sum(len(compared_text(each)) for each in shards.rows(0)) / len(shards.rows(0))
    index_items = [item for item in items if item.language in ntrex]
    print(
        f"{num_rows} rows of {chars:.0f} characters in {len(ntrex)} languages, "
        f"{len(index_items)} evaluation items"
    )
    for name, config, of in (
        ("near-duplicates", CleanConfig(max_overlap=None), []),
        ("contamination", CleanConfig(max_similarity=None), index_items),
    ):
        before, start = _peak(), time.process_time()
        drops = find_drops(shards, of, config)["drops"]
        took = time.process_time() - start
        print(
            f"{name}: {num_rows / took:.0f} rows/s, peak memory +{_peak() - before:.0f} MB, "
            f"{len(drops)} dropped",
            flush=True,
        )
    peer(shards.rows(0))


class Made:
    """Shards of 5,000 rows, generated when read so that they take no memory."""

    def __init__(self, texts: dict[str, list[str]], num_rows: int) -> None:
        self.texts, self.num_shards = texts, -(-num_rows // 5000)
        self.tags = sorted(texts)

    def __iter__(self) -> Iterator[list[Demonstration]]:
        return map(self.rows, range(self.num_shards))

    def rows(self, shard: int) -> list[Demonstration]:
        """Return rows of three sentences; every tenth is the one before with other punctuation."""
        draw, made = random.Random(shard), list[Demonstration]()
        while len(made) < 5000:
            tag = draw.choice(self.tags)
            first, *more = draw.sample(self.texts[tag], 3)
            made.append(row(tag, first, " ".join(more), "made"))
            if len(made) % 10 == 9:
                made.append(row(tag, first + "!", "– ".join(more), "made"))
        return made


def peer(rows: Sequence[Demonstration]) -> None:
    """Compare with datasketch's MinHash and LSH on the same n-grams and rows."""
    try:
        from datasketch import MinHash, MinHashLSH
    except ImportError:
        print("datasketch is not installed: no peer")
        return
    start = time.process_time()
    ours = find_drops([rows], (), CleanConfig(max_overlap=None))["drops"]
    own = time.process_time() - start
    start = time.process_time()
    index, theirs = MinHashLSH(threshold=0.8, num_perm=128), set()
    for each in rows:
        hashed = MinHash(num_perm=128)
        grams = ngrams(compared_text(each), gram_chars(each.language))
        hashed.update_batch([int(gram).to_bytes(4, "little") for gram in grams])
        if index.query(hashed):
            theirs.add(row_id(each))
        index.insert(row_id(each), hashed, check_duplication=False)
    took = time.process_time() - start
    print(
        f"{len(rows)} rows: ours {own:.1f} s ({len(ours)} dropped), datasketch {took:.1f} s "
        f"({len(theirs)} found): {took / own:.1f} times"
    )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
