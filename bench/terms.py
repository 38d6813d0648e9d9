"""Measure the language of sentences with English terms, and of English ones with foreign words.

    python bench/terms.py --data ../shared/data [--held-out]

The sentences are those of SIB-200; held out are those of NTREX-128. Of each the longer words, never
the sixty most frequent ones of the set, give way to English terms until a share of the words is
English; where words have no blanks, stretches of two to six characters do. English sentences get
words of the other language in the same way. The candidates are the thirty of `identify.py` and
`LANGUAGES_WITH_TERMS`.
"""

import argparse
import gzip
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from identify import THIRTY

from isoglot.core.languages import LANGUAGES
from isoglot.models.load import load_identifier

LANGUAGES_WITH_TERMS = (
    *("hi", "mr", "bn", "ta", "te", "kn", "ml", "gu", "pa", "th", "ar", "fa", "ur", "he", "ru"),
    *("uk", "el", "ka", "am", "ko", "ja", "zh-Hans", "km", "my", "si"),
)
_WORDS = (
    "app,download,phone number,verify,payment,server,crash,software,install,restart,settings,"
    "update,meeting,schedule,team,manager,deadline,project,laptop,charge,battery,screen,video call,"
    "internet connection,online,order,delivery,refund,customer service,email,link,click,account,"
    "login,password,reset,upload,folder,share,appointment,report,machine learning,training,output,"
    "user interface,test results,weekend,shopping,discount,credit card,marketing,workshop,feedback"
)
TERMS = _WORDS.split(",")
SHARES = {"terms": (0.3, 0.5, 0.7), "English": (0.1, 0.2, 0.3)}
_UNSPACED = ("Hans", "Jpan", "Thai", "Khmr", "Mymr")
_STRETCHES, _NUM_KEPT = {"Hans": 2, "Jpan": 3}, 60


def main() -> None:
    """Print right, unsure and wrong by share, of each language and of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--num", type=int, default=100, help="sentences of each language and share")
    parser.add_argument("--held-out", action="store_true")
    options = parser.parse_args()
    name = "ntrex/ntrex" if options.held_out else "sib200/sib200_train"
    sentences = _sentences(options.data / f"{name}.jsonl.gz")
    identifier = load_identifier(tuple(dict.fromkeys((*THIRTY, *LANGUAGES_WITH_TERMS))))
    totals: Counter[tuple[str, float, str]] = Counter()
    print("right/unsure/wrong:", SHARES)
    for tag in [each for each in LANGUAGES_WITH_TERMS if each in sentences]:
        cells = []
        for kind, own, wanted in (("terms", tag, tag), ("English", "en", "en")):
            for share in SHARES[kind]:
                draw = random.Random(f"{tag} {kind} {share}")
                words = TERMS if kind == "terms" else _long_words(sentences[tag], tag)
                texts = _planted(sentences[own], own, words, share, options.num, draw)
                found = Counter(
                    "right" if each == wanted else "unsure" if each is None else "wrong"
                    for each in identifier.identify(list(texts))
                )
                totals.update({(kind, share, fate): num for fate, num in found.items()})
                cells.append(f"{found['right']}/{found['unsure']}/{found['wrong']}")
        print(f"{tag:8}", *cells)
    for kind, shares in SHARES.items():
        for share in shares:
            counts = [totals[kind, share, fate] for fate in ("right", "unsure", "wrong")]
            print(kind, share, *(f"{count / sum(counts):.4f}" for count in counts), sum(counts))


def _sentences(path: Path) -> dict[str, list[str]]:
    tags = ("en", *LANGUAGES_WITH_TERMS)
    codes = {code: tag for tag in tags for code in (LANGUAGES[tag].flores, *LANGUAGES[tag].ntrex)}
    found: dict[str, list[str]] = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if tag := codes.get(row["lang"]):
                found[tag].append(row["text"])
    return found


def _pieces(text: str, tag: str) -> list[str]:
    if LANGUAGES[tag].script not in _UNSPACED:
        return text.split()
    size = _STRETCHES.get(LANGUAGES[tag].script, 6)
    return [text[start : start + size] for start in range(0, len(text), size)]


def _long_words(texts: Sequence[str], tag: str) -> list[str]:
    return [piece for text in texts[:200] for piece in _pieces(text, tag) if _is_content(piece, ())]


def _is_content(piece: str, frequent: Sequence[str]) -> bool:
    is_word = piece.isalpha() if piece.isascii() else len(piece) > 1
    return is_word and (len(piece) > 3 or not piece.isascii()) and piece.lower() not in frequent


def _planted(
    texts: Sequence[str],
    tag: str,
    words: Sequence[str],
    share: float,
    num: int,
    draw: random.Random,
) -> Iterator[str]:
    counts = Counter(piece.lower() for text in texts for piece in _pieces(text, tag))
    frequent = [word for word, _ in counts.most_common(_NUM_KEPT)]
    is_spaced = LANGUAGES[tag].script not in _UNSPACED
    for text in draw.sample(list(texts), num):
        pieces = _pieces(text, tag)
        places = [i for i, piece in enumerate(pieces) if _is_content(piece, frequent)]
        draw.shuffle(places)
        for place in places[: max(1, round(share * len(pieces)))]:
            pieces[place] = draw.choice(words) if is_spaced else f" {draw.choice(words)} "
        yield (" " if is_spaced else "").join(pieces)


if __name__ == "__main__":
    main()
