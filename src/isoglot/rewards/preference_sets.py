"""Published preferences of humans and of GPT-4, as preferences of one's own line.

Each reader takes the folder in which the sets lie, one folder for each, and leaves out what nobody
decided: ties, verdicts that turn with the order, those that could not be read.
A family is one question in all its languages.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.records import FinishReason, Message, Preference, content_id
from isoglot.core.rows import Row, read_rows

Reader = Callable[[Path], list[Preference]]

_Example = tuple[str, str]
"""Language and the set's own id."""

_ROLES = {"human": "user", "gpt": "assistant", "system": "system"}


def read_preference_set(name: str, data: Path) -> list[Preference]:
    """The preferences of a set of `PREFERENCE_SETS`, whose folder lies in `data`.

    Raises:
        InputError: there is no such set, a file of it is missing, or it lacks a column.
    """
    if name not in PREFERENCE_SETS:
        known = ", ".join(PREFERENCE_SETS)
        raise InputError(f"expected a set of preferences among {known}, got {name!r}")
    try:
        return PREFERENCE_SETS[name](data)
    except InputError as error:
        raise InputError(f"{name}, whose files are looked for in {data}: {error}") from error
    except KeyError as error:
        raise InputError(
            f"{name}: expected rows with a column {error}, got none; give the set as it is "
            "published"
        ) from error


def _llmbar(data: Path) -> list[Preference]:
    """LLMBar (arXiv:2310.07641): instructions followed or not, labelled by its authors."""
    return [
        _preference(
            "llmbar",
            f"{row['subset']} {row['i']}",
            "en",
            row["input"],
            *_sides(row, "output_", row["label"]),
        )
        for row in _rows(data / "llmbar/items.jsonl.gz")
    ]


def _pandalm(data: Path) -> list[Preference]:
    """PandaLM's test set (arXiv:2306.05087): what at least two of three annotators preferred."""
    found = []
    for row in _rows(data / "pandalm/testset.jsonl.gz"):
        votes = Counter(row[f"annotator{k}"] for k in (1, 2, 3))
        label, num = votes.most_common(1)[0]
        if num > 1 and label in (1, 2):
            prompt = "\n\n".join(filter(None, (row["instruction"], row["input"])))
            found.append(
                _preference(
                    "pandalm", str(row["idx"]), "en", prompt, *_sides(row, "response", label)
                )
            )
    return found


def _hh_rlhf(data: Path) -> list[Preference]:
    """Anthropic's harmless-base test split (arXiv:2204.05862): dialogues with two last answers."""
    found = []
    for row in _rows(data / "hh_rlhf/harmless_base_test.jsonl.gz"):
        (prompt, _, chosen), (other, _, rejected) = (
            row[side].rpartition("\n\nAssistant:") for side in ("chosen", "rejected")
        )
        if prompt == other:
            turns = _dialogue(prompt)
            found.append(
                _preference("hh_rlhf", str(row["i"]), "en", turns, chosen.strip(), rejected.strip())
            )
    return found


def _dpo_demo(data: Path) -> list[Preference]:
    """The preference pairs that LLaMA-Factory ships, in English and Chinese; not parallel."""
    found = []
    for tag in ("en", "zh"):
        for i, row in enumerate(_rows(data / f"preference_demo/dpo_{tag}_demo.jsonl.gz")):
            turns = [
                {"role": _ROLES[turn["from"]], "content": turn["value"]}
                for turn in row["conversations"]
            ]
            texts = row["chosen"]["value"], row["rejected"]["value"]
            found.append(_preference("preference_demo", f"{tag} {i}", tag, turns, *texts))
    return found


def _ja_vicuna(data: Path) -> list[Preference]:
    """Japanese Vicuna questions: what GPT-4 preferred in both orders."""
    found = []
    for row in _rows(data / "ja_vicuna/judgments.gpt-4_pair.jsonl.gz"):
        winner = row["g1_winner"]
        if winner == row["g2_winner"] and winner in ("model_1", "model_2"):
            sides = _sides(row, "answer_", winner[-1])
            found.append(
                _preference("ja_vicuna", str(row["question_id"]), "ja", row["question"], *sides)
            )
    return found


def _ja_mt_bench(data: Path) -> list[Preference]:
    """First turns of Japanese MT-Bench: the answer with the higher grade of GPT-4, each pair of
    answers to a question; several grades of one answer are averaged."""
    questions = {
        str(row["question_id"]): row["turns"][0]
        for row in _rows(data / "mt_bench_x/question.ja.jsonl")
    }
    grades: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in _rows(data / "ja_mtbench_scores/scores.gpt-4_single.jsonl.gz"):
        if row["turn"] == 1 and row["score"] > 0:
            grades[str(row["question_id"]), row["answer"]].append(row["score"])
    rated = [(("ja", key), answer, sum(of) / len(of)) for (key, answer), of in grades.items()]
    return [
        _preference("ja_mtbench_scores", key, "ja", questions[key], chosen, rejected)
        for (_, key), chosen, rejected in _ranked_pairs(rated)
    ]


def _tata(data: Path) -> list[Preference]:
    """TaTA (arXiv:2211.00142): a sentence on a table in each language, from four systems. Rated by
    humans: 0 not understandable, 1 understandable, 2 and its facts are in the table."""
    prompts = {
        (row["lang"], row["id"]): row["linearized_input"]
        for row in _rows(data / "tata/inputs.jsonl.gz")
    }
    rated = [
        ((row["lang"], row["id"]), row["output"], row["interpretable"] + (row["attributable"] or 0))
        for row in _rows(data / "tata/human_ratings.jsonl.gz")
        if row["interpretable"] is not None
    ]
    found = []
    for (tag, example), chosen, rejected in _ranked_pairs(rated):
        place = example.replace(f"-{tag}-", "-")  # the same table in every language
        found.append(_preference("tata", place, tag, prompts[tag, example], chosen, rejected))
    return found


def _alpacaeval(data: Path) -> list[Preference]:
    """AlpacaEval 2 (arXiv:2404.04475): what the weighted GPT-4 judge finds likelier to be
    preferred, for the models whose outputs are there."""
    outputs = {
        (row["model"], row["index"]): row
        for row in _rows(data / "alpacaeval_outputs/outputs.jsonl.gz")
    }
    found = []
    for row in _rows(data / "alpacaeval_annotations/weighted_alpaca_eval_gpt4_turbo.jsonl.gz"):
        one, other = (outputs.get((row[side], row["index"])) for side in ("baseline", "model"))
        preference = row["preference"]
        if not one or not other or one is other or preference in (None, 0, 1.5):
            continue
        chosen, rejected = (one, other) if preference < 1.5 else (other, one)
        texts = chosen["output"], rejected["output"]
        found.append(_preference("alpacaeval", str(row["index"]), "en", one["instruction"], *texts))
    return found


PREFERENCE_SETS: Mapping[str, Reader] = {
    "alpacaeval": _alpacaeval,
    "hh_rlhf": _hh_rlhf,
    "ja_mtbench_scores": _ja_mt_bench,
    "ja_vicuna": _ja_vicuna,
    "llmbar": _llmbar,
    "pandalm": _pandalm,
    "preference_demo": _dpo_demo,
    "tata": _tata,
}
"""Name of each set → its reader."""


def _rows(file: Path) -> Iterator[Row]:
    return (row for _, row in read_rows(file))


def _sides(row: Row, column: str, label: int | str) -> tuple[str, str]:
    """(chosen, rejected), where the label is 1 or 2 for the column that ends so."""
    texts = (row[f"{column}{label}"], row[f"{column}{3 - int(label)}"])
    # PandaLM's file holds the answer `true` as a truth value.
    chosen, rejected = (t if isinstance(t, str) else json.dumps(t) for t in texts)
    return chosen, rejected


def _ranked_pairs(
    rated: Sequence[tuple[_Example, str, float]],
) -> Iterator[tuple[_Example, str, str]]:
    """(example, chosen, rejected) of all pairs of texts of an example whose ratings differ."""
    of_key: dict[_Example, list[tuple[float, str]]] = defaultdict(list)
    for key, text, rating in rated:
        of_key[key].append((rating, text))
    for key, texts in of_key.items():
        for (high, chosen), (low, rejected) in combinations(sorted(texts, reverse=True), 2):
            if high > low and chosen != rejected:
                yield key, chosen, rejected


def _dialogue(text: str) -> list[Message]:
    """Turns that begin with `Human:` and `Assistant:` after a blank line."""
    turns: list[Message] = []
    for part in text.split("\n\nHuman:")[1:]:
        asked, *answered = part.split("\n\nAssistant:")
        turns.append({"role": "user", "content": asked.strip()})
        turns += [{"role": "assistant", "content": answer.strip()} for answer in answered]
    return turns


def _preference(
    name: str, example: str, tag: str, prompt: str | Sequence[Message], chosen: str, rejected: str
) -> Preference:
    messages = ({"role": "user", "content": prompt},) if isinstance(prompt, str) else tuple(prompt)
    known = language(tag).tag
    return Preference(
        prompt=messages,
        chosen=({"role": "assistant", "content": chosen},),
        rejected=({"role": "assistant", "content": rejected},),
        family=content_id(name, example),
        prompt_id=content_id(known, *(message["content"] for message in messages)),
        language=known,
        answer_language=known,
        chosen_model="",
        rejected_model="",
        chosen_language=None,
        rejected_language=None,
        chosen_finish_reason=FinishReason.STOP,
        rejected_finish_reason=FinishReason.STOP,
        score_chosen=None,
        score_rejected=None,
        pair_type=name,
        round=0,
    )
