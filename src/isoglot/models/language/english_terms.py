"""Find the script of a sentence that holds more letters of English terms than of its own.

`पहले app download करें, फिर phone number verify करें` is Hindi, and `The word नमस्ते is a greeting` is
English: terms are nouns and verbs, while the small words of a sentence are those of its language.
"""

import re
from functools import cache

from isoglot.core.languages import LANGUAGES
from isoglot.models.language.naive_bayes import load_word_counts
from isoglot.models.language.scripts import LATIN_WORD, dominant_scripts, script_runs

_LETTERS_OF_WORD = 5  # in scripts without spaces
_LEAST_OTHER_WORDS = 3
_LEAST_OTHER_SHARE, _LEAST_DOUBTED_SHARE = 0.25, 0.1
_MOST_SMALL_WORDS = 0.12  # of the Latin words; running text has a third and more
_NUM_SMALL_WORDS = 30  # the most frequent words of a language
_OTHER = re.compile(r"[^\x00-\u036f\u1e00-\u1eff]")  # no Latin letter or accent


def script_with_terms(text: str, dominant: str | None) -> str | None:
    """Return the script of a text, given that of most letters (`dominant_scripts`).

    Where Latin letters dominate, or nothing does, and the Latin words are terms, it is that of the
    other words, or None where they are too few.
    """
    if dominant not in (None, "Latn") or not _OTHER.search(text):
        return dominant
    runs = [run for script, run in script_runs(text) if script != "Latn"]
    latin = [word.lower() for word in LATIN_WORD.findall(text)]
    others = sum(-(-len(run) // _LETTERS_OF_WORD) for run in runs)
    share = others / (others + len(latin))
    num_small = sum(word in _small_words() for word in latin)
    if share < _LEAST_DOUBTED_SHARE or num_small > _MOST_SMALL_WORDS * len(latin):
        return dominant
    if share < _LEAST_OTHER_SHARE or others < _LEAST_OTHER_WORDS:
        return None
    return dominant_scripts([LATIN_WORD.sub(" ", text)])[0]


@cache
def _small_words() -> frozenset[str]:
    """Return the most frequent words of every language in Latin letters that was counted."""
    counted = load_word_counts()
    ranked = (
        sorted(counted[tag], key=lambda word: -counted[tag][word])[:_NUM_SMALL_WORDS]
        for tag in sorted(counted.keys() & LANGUAGES.keys())
        if LANGUAGES[tag].script == "Latn"
    )
    return frozenset(word.lower() for words in ranked for word in words)
