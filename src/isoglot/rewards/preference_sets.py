"""Published preferences of humans and of GPT-4, as preferences of one's own line.

Each reader takes the folder of all sets, with one folder for each, and leaves out what was not
decided: ties, verdicts that depend on the order, unreadable ones. A family is one prompt in all its
languages.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.languages import language, language_of
from isoglot.core.records import Message, Preference, content_id
from isoglot.core.rows import Row, read_rows, read_rows_of_files
from isoglot.core.turns import dialogue, prompt_messages

_Example = tuple[str, str]
"""Language and the set's own id."""


class _Pair(NamedTuple):
    """A published preference."""

    example: str
    """The set's own id."""
    language: str
    prompt: str | Sequence[Message]
    chosen: str
    rejected: str


def read_preference_set(name: str, data: Path) -> list[Preference]:
    """Read the preferences of a set of `PREFERENCE_SETS`, whose folder lies in `data`.

    Raises:
        InputError: there is no such set, a file of it is missing, or it lacks a column.
    """
    if name not in PREFERENCE_SETS:
        known = ", ".join(PREFERENCE_SETS)
        raise InputError(f"expected a set of preferences among {known}, got {name!r}")
    try:
        return [_preference(name, pair) for pair in PREFERENCE_SETS[name](data)]
    except InputError as error:
        raise InputError(f"{name}, whose files are looked for in {data}: {error}") from error
    except KeyError as error:
        raise InputError(
            f"{name}: expected rows with a column {error}, got none; give the set as it is "
            "published"
        ) from error


def _llmbar(data: Path) -> Iterator[_Pair]:
    """LLMBar (arXiv:2310.07641): instructions followed or not, labelled by its authors."""
    for row in _rows(data / "llmbar/items.jsonl.gz"):
        example, prompt = f"{row['subset']} {row['i']}", row["input"]
        yield _Pair(example, "en", prompt, *_sides(row, "output_", row["label"]))


def _m_rewardbench(data: Path) -> Iterator[_Pair]:
    """M-RewardBench (arXiv:2410.15522): RewardBench's pairs in 23 languages, translated.

    A folder of each language, as huggingface.co/datasets/CohereLabsCommunity/multilingual-reward-
    bench has them (ODC-BY), or one file; the family of a pair is its subset and id.
    """
    for _, pair in read_rows_of_files(str(data / "m_rewardbench")):
        yield _Pair(
            f"{pair['subset']} {pair['id']}",
            language_of(str(pair["language"])).tag,
            pair["prompt"],
            pair["chosen"],
            pair["rejected"],
        )


def _pandalm(data: Path) -> Iterator[_Pair]:
    """PandaLM's test set (arXiv:2306.05087): preferences of at least two of three annotators."""
    for row in _rows(data / "pandalm/testset.jsonl.gz"):
        votes = Counter(row[f"annotator{k}"] for k in (1, 2, 3))
        label, num = votes.most_common(1)[0]
        if num > 1 and label in (1, 2):
            prompt = "\n\n".join(filter(None, (row["instruction"], row["input"])))
            yield _Pair(str(row["idx"]), "en", prompt, *_sides(row, "response", label))


def _hh_rlhf(data: Path) -> Iterator[_Pair]:
    """Anthropic's harmless-base test split (arXiv:2204.05862): dialogues with two last answers."""
    for row in _rows(data / "hh_rlhf/harmless_base_test.jsonl.gz"):
        (prompt, _, chosen), (other, _, rejected) = (
            row[side].rpartition("\n\nAssistant:") for side in ("chosen", "rejected")
        )
        if prompt == other:
            yield _Pair(
                str(row["i"]), "en", list(dialogue(prompt)), chosen.strip(), rejected.strip()
            )


def _dpo_demo(data: Path) -> Iterator[_Pair]:
    """The preference pairs that LLaMA-Factory ships, in English and Chinese; not parallel."""
    for tag in ("en", "zh"):
        for i, row in enumerate(_rows(data / f"preference_demo/dpo_{tag}_demo.jsonl.gz")):
            turns = prompt_messages(row["conversations"], "conversations")
            yield _Pair(f"{tag} {i}", tag, turns, row["chosen"]["value"], row["rejected"]["value"])


def _ja_vicuna(data: Path) -> Iterator[_Pair]:
    """Japanese Vicuna: preferences of GPT-4 in both orders."""
    for row in _rows(data / "ja_vicuna/judgments.gpt-4_pair.jsonl.gz"):
        winner = row["g1_winner"]
        if winner == row["g2_winner"] and winner in ("model_1", "model_2"):
            texts = _sides(row, "answer_", winner[-1])
            yield _Pair(str(row["question_id"]), "ja", row["question"], *texts)


def _ja_mt_bench(data: Path) -> Iterator[_Pair]:
    """First turns of Japanese MT-Bench: pairs of answers whose mean grades by GPT-4 differ."""
    prompts = {
        str(row["question_id"]): row["turns"][0]
        for row in _rows(data / "mt_bench_x/question.ja.jsonl")
    }
    grades: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in _rows(data / "ja_mtbench_scores/scores.gpt-4_single.jsonl.gz"):
        if row["turn"] == 1 and row["score"] > 0:
            grades[str(row["question_id"]), row["answer"]].append(row["score"])
    rated = [(("ja", key), answer, sum(of) / len(of)) for (key, answer), of in grades.items()]
    for (_, key), chosen, rejected in _ranked_pairs(rated):
        yield _Pair(key, "ja", prompts[key], chosen, rejected)


def _tata(data: Path) -> Iterator[_Pair]:
    """TaTA (arXiv:2211.00142): a sentence on a table in each language, from four systems.

    Rated by humans: 0 not understandable, 1 understandable, 2 and its facts are in the table.
    """
    prompts = {
        (row["lang"], row["id"]): row["linearized_input"]
        for row in _rows(data / "tata/inputs.jsonl.gz")
    }
    rated = [
        ((row["lang"], row["id"]), row["output"], row["interpretable"] + (row["attributable"] or 0))
        for row in _rows(data / "tata/human_ratings.jsonl.gz")
        if row["interpretable"] is not None
    ]
    for (tag, example), chosen, rejected in _ranked_pairs(rated):
        table = example.replace(f"-{tag}-", "-")  # the same one in every language
        yield _Pair(table, tag, prompts[tag, example], chosen, rejected)


def _alpacaeval(data: Path) -> Iterator[_Pair]:
    """AlpacaEval 2 (arXiv:2404.04475): preferences of GPT-4 between known outputs."""
    outputs = {
        (row["model"], row["index"]): row
        for row in _rows(data / "alpacaeval_outputs/outputs.jsonl.gz")
    }
    for row in _rows(data / "alpacaeval_annotations/weighted_alpaca_eval_gpt4_turbo.jsonl.gz"):
        one, other = (outputs.get((row[side], row["index"])) for side in ("baseline", "model"))
        preference = row["preference"]
        if not one or not other or one is other or preference in (None, 0, 1.5):
            continue
        chosen, rejected = (one, other) if preference < 1.5 else (other, one)
        texts = chosen["output"], rejected["output"]
        yield _Pair(str(row["index"]), "en", one["instruction"], *texts)


PREFERENCE_SETS: Mapping[str, Callable[[Path], Iterator[_Pair]]] = {
    "alpacaeval": _alpacaeval,
    "hh_rlhf": _hh_rlhf,
    "ja_mtbench_scores": _ja_mt_bench,
    "ja_vicuna": _ja_vicuna,
    "llmbar": _llmbar,
    "m_rewardbench": _m_rewardbench,
    "pandalm": _pandalm,
    "preference_demo": _dpo_demo,
    "tata": _tata,
}
"""Name of each set → its reader."""


def _rows(file: Path) -> Iterator[Row]:
    return (row for _, row in read_rows(file))


def _sides(row: Row, column: str, label: int | str) -> tuple[str, str]:
    """Return chosen and rejected; `label` is 1 or 2, the ending of the chosen column."""
    texts = (row[f"{column}{label}"], row[f"{column}{3 - int(label)}"])
    # PandaLM's file holds the answer `true` as a truth value.
    chosen, rejected = (t if isinstance(t, str) else json.dumps(t) for t in texts)
    return chosen, rejected


def _ranked_pairs(
    rated: Sequence[tuple[_Example, str, float]],
) -> Iterator[tuple[_Example, str, str]]:
    """Pair all texts of an example whose ratings differ: (example, chosen, rejected)."""
    of_key: dict[_Example, list[tuple[float, str]]] = defaultdict(list)
    for key, text, rating in rated:
        of_key[key].append((rating, text))
    for key, texts in of_key.items():
        for (high, chosen), (low, rejected) in combinations(sorted(texts, reverse=True), 2):
            if high > low and chosen != rejected:
                yield key, chosen, rejected


def _preference(name: str, pair: _Pair) -> Preference:
    text, tag = pair.prompt, language(pair.language).tag
    messages = ({"role": "user", "content": text},) if isinstance(text, str) else tuple(text)
    return Preference.of_texts(
        messages,
        pair.chosen,
        pair.rejected,
        family=content_id(name, pair.example),
        prompt_id=content_id(tag, *(message["content"] for message in messages)),
        language=tag,
        answer_language=tag,
        pair_type=name,
    )
