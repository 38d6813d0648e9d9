"""Folders of evaluations with random answers, graded and written by the product's own code."""

import random
from pathlib import Path

from isoglot.core.records import Choice, Completion, Graded, Prompt
from isoglot.core.store import write_json, write_shard
from isoglot.evals.aggregate import aggregate, aggregate_groups, compare
from isoglot.evals.grading import FAULT_RATES, grader_metric
from isoglot.report.results.evaluation import Evaluation
from isoglot.report.results.rows import RESULTS_FILE, GroupRow, ResultRow

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)><!--"

LANGUAGES = {
    "en": "There are 7 apples left.",
    "de": "Es bleiben 7 Äpfel übrig.",
    "es": "Quedan 7 manzanas.",
    "zh-Hans": "还剩下七个苹果。",
    "ja": "りんごは七つ残っています。",
    "ru": "Осталось 7 яблок.",
    "ar": "تبقى ٧ تفاحات، والباقي أُكل.",
    "hi": "७ सेब बचे हैं।",
    "th": "เหลือแอปเปิ้ล 7 ลูก",
    "bn": "৭টি আপেল বাকি আছে।",
    "sw": "Yamebaki maapulo 7.",
    "te": "7 ఆపిల్స్ మిగిలాయి.",
    "ur": "۷ سیب باقی ہیں۔",
    "yo": "Ó ku ápù 7.",
}
"""Tag → an invented answer."""

UNKNOWN = "yo"
"""The language in which no answer has a value."""

CHOICES = {"A": "It fell.", "B": "It rose."}
NUM = 20
METRICS = [grader_metric("accuracy", "exact"), *FAULT_RATES]
SIGNATURE = (
    "{task}|data:abc|n:all|shots:8|decode:greedy|max:512|cut_off:graded|lid:x@1|seed:1|v:0.1"
)


def write_evaluation(
    folder: Path,
    model: str = "new@1a2b",
    *,
    baseline: str | None = None,
    tasks: tuple[str, ...] = ("mgsm", "xcopa"),
    text: str = HOSTILE,
    num: int = NUM,
) -> Path:
    """An evaluation of `mgsm` (written answers) and `xcopa` (choices) in 14 languages.

    The first answer of each language ends in `text`, the second is long.
    """
    rows: list[ResultRow] = []
    groups: list[GroupRow] = []
    for task in tasks:
        prompts = make_prompts(task, num)
        graded = [grade for prompt in prompts for grade in _grades(task, model, prompt)]
        write_shard(folder / task / "prompts" / "part-00000.parquet", prompts, Prompt)
        write_shard(folder / task / "graded.parquet", graded, Graded)
        if task == "xcopa":
            choices = [choice for prompt in prompts for choice in _choices(model, prompt)]
            write_shard(folder / task / "choices" / "part-00000.parquet", choices, Choice)
        else:
            answers = [_completion(model, prompt, text) for prompt in prompts]
            write_shard(folder / task / "completions" / "part-00000.parquet", answers, Completion)
        before = [g for p in prompts for g in _grades(task, baseline, p)] if baseline else []
        changes = {
            (each.metric, each.language): each
            for each in (compare(graded, before, METRICS, seed=1) if before else ())
        }
        for result in aggregate(
            graded,
            METRICS,
            task=task,
            trained=("en", "sw"),
            seed=1,
            signature=SIGNATURE.format(task=task),
        ):
            row = ResultRow.of(result)
            if change := changes.get((row.metric, row.language)):
                row = row.with_change(change.value, change.low, change.high, change.p)
            rows.append(row)
        over = aggregate_groups(graded, METRICS, seed=1, base=before)
        groups += [GroupRow.of(group, task=task) for group in over]
    results = Evaluation(model=model, baseline=baseline, seed=1, results=rows, groups=groups)
    results.write(folder / RESULTS_FILE)
    write_json(folder / "evaluation.json", {"model": model, "versions": {"isoglot": "0.1"}})
    return folder


def make_prompts(task: str, num: int) -> list[Prompt]:
    gold = "A" if task == "xcopa" else "7"
    return [
        Prompt.from_text(f"{task} {i}: {text}", language=tag, family=f"f{i}", gold=gold)
        for i in range(num)
        for tag, text in LANGUAGES.items()
    ]


def _drawn(prompt: Prompt) -> float:
    """The same for all models: two of them differ on few items only, as two checkpoints do."""
    task = prompt.text.split()[0]
    return random.Random(f"{task} {prompt.language} {prompt.family[1:]}").random()


def _value(model: str, prompt: Prompt) -> float | None:
    place = list(LANGUAGES).index(prompt.language)
    skill = max(0.05, 0.92 - 0.05 * place + (0.07 if model.startswith("new") else 0.0))
    if prompt.language == UNKNOWN or _drawn(prompt) < 0.03:
        return None
    return float(_drawn(prompt) < skill)


def _is_off_target(prompt: Prompt) -> bool:
    return _drawn(prompt) > 0.9 and prompt.language != "en"


def _is_mixed(prompt: Prompt) -> bool:
    return 0.8 < _drawn(prompt) < 0.9 and prompt.language != "en"


def _grades(task: str, model: str, prompt: Prompt) -> list[Graded]:
    value = _value(model, prompt)
    values = {"accuracy": value}
    if task != "xcopa":
        values["off_target_rate"] = None if value is None else float(_is_off_target(prompt))
        values["mixed_rate"] = None if value is None else float(_is_mixed(prompt))
    return [
        Graded(prompt.family, prompt.prompt_id, prompt.language, metric, each,
               None if each is None else (each, 1.0))
        for metric, each in values.items()
    ]  # fmt: skip


def _choices(model: str, prompt: Prompt) -> list[Choice]:
    value = _value(model, prompt)
    return [
        Choice(prompt.family, prompt.prompt_id, prompt.language, model, label, words,
               None if value is None else -12.5 + (label == "A") * (value or -1), 4)
        for label, words in CHOICES.items()
    ]  # fmt: skip


def _completion(model: str, prompt: Prompt, text: str) -> Completion:
    value, tag = _value(model, prompt), prompt.language
    is_off_target = value is not None and _is_off_target(prompt)
    words = "I think the answer is 7." if is_off_target else LANGUAGES[tag]
    more = {"f0": text, "f1": words * 400}.get(prompt.family, "")
    ended = "length" if value is None else "stop"
    answer, identified = f"{words} {more}".strip(), "en" if is_off_target else tag
    thought = more[:99] if value is not None else None
    ids = (prompt.family, prompt.prompt_id, tag, model, 0)
    return Completion(*ids, answer, ended, identified, thought=thought)
