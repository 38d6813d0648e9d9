"""Folders of evaluations and of judged comparisons as isoglot writes them, with invented rows."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from isoglot.core.records import (
    Completion,
    Prompt,
    Rated,
    Verdict,
    content_id,
)
from isoglot.core.store import write_json, write_shard

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)><!--"

LANGUAGES = {
    "en": "There are 7 apples left.", "de": "Es bleiben 7 Äpfel übrig.",
    "es": "Quedan 7 manzanas.", "zh-Hans": "还剩下七个苹果。", "ja": "りんごは七つ残っています。",
    "ru": "Осталось 7 яблок.", "ar": "تبقى ٧ تفاحات، والباقي أُكل.", "hi": "७ सेब बचे हैं।",
    "th": "เหลือแอปเปิ้ล 7 ลูก", "bn": "৭টি আপেল বাকি আছে।", "sw": "Yamebaki maapulo 7.",
    "te": "7 ఆపిల్స్ మిగిలాయి.", "ur": "۷ سیب باقی ہیں۔", "yo": "Ó ku ápù 7.",
}  # fmt: skip
"""Tag → an invented answer."""

UNKNOWN = "yo"
"""The language in which no answer has a value."""

CHOICES = {"A": "It fell.", "B": "It rose."}
NUM = 20

SIGNATURE = (
    "{task}|data:abc|n:all|shots:8|decode:greedy|max:512|cut_off:graded|lid:x@1|seed:1|v:0.1"
)


def _skill(model: str, tag: str) -> float:
    place = list(LANGUAGES).index(tag)
    return max(0.05, 0.92 - 0.05 * place + (0.07 if model.startswith("new") else 0.0))


def _interval(values: list[float]) -> tuple[float, float, float]:
    mean = sum(values) / len(values)
    half = 1.96 * max(0.02, mean * (1 - mean)) ** 0.5 / len(values) ** 0.5
    return mean, max(0.0, mean - half), min(1.0, mean + half)


def _row(task: str, tag: str, metric: str, values: list[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    value, low, high = _interval(known) if known else (None, None, None)
    return {
        "task": task, "language": tag, "trained": tag in ("en", "sw"), "metric": metric,
        "value": value, "low": low, "high": high, "n": len(known),
        "unknown": len(values) - len(known), "signature": SIGNATURE.format(task=task),
    }  # fmt: skip


def _prompts(task: str, num: int) -> list[Prompt]:
    return [
        Prompt.from_text(
            f"{task} {i}: {text}",
            language=tag,
            family=f"f{i}",
            gold="A" if task == "xcopa" else "7",
        )
        for i in range(num)
        for tag, text in LANGUAGES.items()
    ]


def _changed(row: dict[str, Any], baseline: str | None) -> dict[str, Any]:
    if baseline is None or row["value"] is None:
        return row
    place = list(LANGUAGES).index(row["language"])
    change = 0.012 * (place - 4)
    return row | {"change": change, "change_low": change - 0.04, "change_high": change + 0.05,
                  "change_p": 0.2}  # fmt: skip


def _groups(
    task: str, metric: str, rows: list[dict[str, Any]], baseline: str | None
) -> list[dict[str, Any]]:
    known = {row["language"]: row["value"] for row in rows if row["value"] is not None}
    values = list(known.values())
    tiers = {"high": list(known)[:7], "mid": list(known)[7:10], "low": list(known)[10:]}
    found = {
        "mean": (list(known), sum(values) / len(values)),
        **{
            f"tier:{name}": (tags, sum(known[tag] for tag in tags) / len(tags))
            for name, tags in tiers.items()
        },
        "worst": (list(known), min(values)),
        "democratisation": (list(known), sum(values) / len(values) / max(max(values), 0.01)),
    }
    change = {"change": 0.04, "change_low": 0.01, "change_high": 0.07} if baseline else {}
    return [
        {"task": task, "metric": metric, "group": group, "languages": tags, "value": value,
         "low": max(0, value - 0.05), "high": min(1, value + 0.05),
         **({} if group in ("worst", "democratisation") else change)}
        for group, (tags, value) in found.items()
    ]  # fmt: skip


OUTCOMES = ("win", "loss", "tie", "invalid")
WORTH = {"win": 1.0, "tie": 0.5, "loss": 0.0, "invalid": None}


def write_judged(folder: Path, *, text: str = HOSTILE, num: int = NUM) -> Path:
    """A comparison of two models in 14 languages; in one of them no verdict can be read."""
    prompts = _prompts("chat", num)
    write_shard(folder / "prompts" / "part-00000.parquet", prompts, Prompt)
    answers: dict[str, list[Completion]] = {"a": [], "b": []}
    verdicts = []
    for prompt in prompts:
        tag, i = prompt.language, int(prompt.family[1:])
        drawn = random.Random(f"judge {tag} {i}")
        for side, words in (("a", LANGUAGES[tag]), ("b", "7")):
            said = f"{words} {text}" if i == 0 else words * (200 if i == 1 else 1)
            answers[side].append(
                Completion(prompt.family, prompt.prompt_id, tag, f"{side}-model@1", 0, said, "stop")
            )
        forward, backward = (
            "invalid" if tag == UNKNOWN else drawn.choices(OUTCOMES, (6, 3, 1, 0.3))[0]
            for _ in range(2)
        )
        backward = forward if drawn.random() < 0.7 else backward
        one, two = (answers[side][-1] for side in ("a", "b"))
        verdicts.append(
            Verdict(
                prompt.family, prompt.prompt_id, tag, one.sampler, two.sampler, "judge-model@2",
                forward, backward, WORTH[forward], WORTH[backward], text if i == 0 else "[[A]]",
                "[[B]]", content_id(one.text), content_id(two.text), len(one.text), len(two.text),
            )
        )  # fmt: skip
    write_shard(folder / "verdicts" / "part-00000.parquet", verdicts, Verdict)
    for side, rows in answers.items():
        write_shard(folder / side / "part-00000.parquet", rows, Completion)
    results = {"a": "a-model@1", "b": "b-model@1", "judge": "judge-model@2", "seed": 1,
               "cost_usd": 1.25, "results": _judged_rows(verdicts)}  # fmt: skip
    write_json(folder / "results.json", results)
    write_json(folder / "judge.json", {"a": "a-model@1", "b": "b-model@1", "cost_usd": 1.25})
    return folder


def _judged_rows(verdicts: list[Verdict]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for tag in [*LANGUAGES, "mean"]:
        found = [v for v in verdicts if tag in (v.language, "mean")]
        outcomes = [str(v.outcome) for v in found]
        known = [WORTH[o] for o in outcomes if o != "invalid"]
        value, low, high = _interval(known) if known else (None, None, None)
        shared = {"language": tag, "n": len(known), "unknown": len(found) - len(known),
                  "signature": "judge:judge-model@2|orders:2|seed:1|v:0.1"}  # fmt: skip
        counts = {
            f"{name}": outcomes.count(o)
            for name, o in (
                ("wins", "win"),
                ("ties", "tie"),
                ("losses", "loss"),
                ("invalid", "invalid"),
            )
        }
        rows.append({**shared, "metric": "win_rate", "value": value, "low": low, "high": high,
                     **counts, "unanswered": 0})  # fmt: skip
        for metric, shift, width in (
            ("length_controlled_win_rate", -0.04, 0.1), ("swap_consistency", 0.1, 0.08),
            ("position_bias", -0.55, 0.05), ("verbosity_bias", -0.5, 0.06),
            ("agreement", 0.05, 0.2),
        ):  # fmt: skip
            moved = None if value is None else value + shift
            low, high = (None, None) if moved is None else (moved - width, moved + width)
            rows.append({**shared, "metric": metric, "value": moved, "low": low, "high": high,
                         "wins": None, "ties": None, "losses": None, "invalid": None,
                         "unanswered": None})  # fmt: skip
    return rows


def write_rated(folder: Path, *, text: str = HOSTILE, num: int = NUM) -> Path:
    """The grades of one model in 14 languages over two turns; in one of them none can be read."""
    first = _prompts("chat", num)
    prompts, answers, rated = [], [], []
    for prompt in first:
        tag, i = prompt.language, int(prompt.family[1:])
        said = f"{LANGUAGES[tag]} {text if i == 0 else ''}".strip()
        turns = (
            {"role": "assistant", "content": said},
            {"role": "user", "content": "And then?"},
        )
        later = replace(
            prompt, prompt_id=f"{prompt.prompt_id}-2", prompt=(*prompt.prompt, *turns), gold=None
        )
        for turn, asked in enumerate((prompt, later), 1):
            prompts.append(asked)
            key = asked.family, asked.prompt_id, tag
            answers.append(Completion(*key, "a-model@1", 0, said, "stop"))
            grade = random.Random(f"grade {tag} {i} {turn}").randint(1, 10)
            value = None if tag == UNKNOWN else float(grade)
            words = f"{text} Rating: {grade}"
            rated.append(
                Rated(*key, "a-model@1", "judge-model@2", turn, value, words, content_id(said))
            )
    write_shard(folder / "prompts" / "part-00000.parquet", prompts, Prompt)
    write_shard(folder / "completions" / "part-00000.parquet", answers, Completion)
    write_shard(folder / "ratings" / "part-00000.parquet", rated, Rated)
    rows = [
        _rated_row(tag, metric, [r.value for r in rated if r.language == tag and r.turn in turns])
        for metric, turns in _TURNS.items()
        for tag in LANGUAGES
    ]
    groups = [
        {**group, "low": max(0.1, group["value"] - 0.05)}
        for metric in _TURNS
        for group in _groups("chat", metric, [r for r in rows if r["metric"] == metric], None)
        if group["group"] != "democratisation"
    ]
    results = {"model": "a-model@1", "judge": "judge-model@2", "seed": 1, "cost_usd": 0.5}
    write_json(folder / "results.json", {**results, "results": rows, "groups": groups})
    write_json(folder / "judge.json", {"model": "a-model@1", "task": "chat", "cost_usd": 0.5})
    return folder


_TURNS = {"rating": (1, 2), "rating_turn_1": (1,), "rating_turn_2": (2,)}


def _rated_row(tag: str, metric: str, values: list[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    row = _row("chat", tag, metric, [None if value is None else value / 10 for value in values])
    counts = {"invalid": len(values) - len(known), "unanswered": 0} if metric == "rating" else {}
    return {**row, **counts, "trained": False}
