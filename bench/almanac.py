"""Measure the world of the almanac: length of its answers, and answers that no language owns.

    python bench/almanac.py

Over right answers in each of the hundred languages: the shares that the identifier is unsure of or
takes for another language, and the share that is also the answer to the same question in another
language. Tokens are those of the policy's tokenizer.
"""

from collections import Counter
from itertools import islice

from transformers import AutoTokenizer

from isoglot.core.languages import LANGUAGES
from isoglot.lab.almanac import ALMANAC_LANGUAGES, SUM_KINDS, render_sum, sample_sum
from isoglot.lab.almanac_identifier import AlmanacIdentifier
from isoglot.lab.shipped import lab_path
from isoglot.lab.world import distinct

NUM_QUESTIONS = 100


def main() -> None:
    """Print a line for each kind of question, then for each resource tier."""
    questions = list(islice(distinct(sample_sum, "train", "bench"), NUM_QUESTIONS))
    identifier = AlmanacIdentifier(ALMANAC_LANGUAGES)
    tokenizer = AutoTokenizer.from_pretrained(lab_path("lab:almanac"))
    counts: dict[str, Counter[str]] = {}
    for question in questions:
        answers = {tag: render_sum(question, tag)[1] for tag in ALMANAC_LANGUAGES}
        shared = Counter(answers.values())
        found = identifier.identify(list(answers.values()))
        for (tag, answer), language in zip(answers.items(), found, strict=True):
            for group in (question.kind, f"{LANGUAGES[tag].tier} tier", "all"):
                count = counts.setdefault(group, Counter())
                count["n"] += 1
                count["unsure"] += language is None
                count["taken for another"] += language not in (None, tag)
                count["same elsewhere"] += shared[answer] > 1
                count["tokens"] += len(tokenizer(answer).input_ids)
    for group in (*SUM_KINDS, "high tier", "mid tier", "low tier", "all"):
        count = counts[group]
        rates = [
            f"{name} {100 * count[name] / count['n']:.1f} %"
            for name in ("unsure", "taken for another", "same elsewhere")
        ]
        tokens = f"tokens {count['tokens'] / count['n']:.1f}"
        print(f"{group:10} n {count['n']:6,}  {'  '.join(rates)}  {tokens}")


if __name__ == "__main__":
    main()
