"""`summary.json`: the results of a whole run, read from the folders of its stages."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from isoglot.core.documents import read_json
from isoglot.core.failures import Failures
from isoglot.core.records import (
    Completion,
    Demonstration,
    Dropped,
    FinishReason,
    Graded,
    Preference,
    PrivilegedPrompt,
    Prompt,
)
from isoglot.core.store import DROPPED, read_shard, shard_paths
from isoglot.core.version import __version__
from isoglot.evals.aggregate import compare
from isoglot.evals.graders import GRADERS
from isoglot.evals.reward_accuracy import RewardAccuracyCounter
from isoglot.execute.ledger import Done, Ledger, make_once
from isoglot.line.counts import count_by_language, totals
from isoglot.line.demonstrations import read_drops, read_routes
from isoglot.line.metrics import track_evaluations, write_metrics
from isoglot.line.prompts import transform_folders
from isoglot.line.sources import identifier_of
from isoglot.line.task import graded_views, read_graded, read_task_results, task_metrics
from isoglot.line.tokens import count_tokens
from isoglot.recipe.recipe import Recipe
from isoglot.report.results.rows import ResultRow
from isoglot.report.results.summary import (
    SUMMARY_FILE,
    Audit,
    AuditRow,
    CheckpointChoice,
    CleaningCounts,
    CountsByLanguage,
    DemonstrationCounts,
    LanguagePairs,
    Lengths,
    MeanChange,
    PairCounts,
    PassCounts,
    RewardAccuracyRow,
    RoundSummary,
    RunSummary,
    TrainingLine,
    TranslationCounts,
)
from isoglot.train.log import merge_lines, read_log
from isoglot.train.trackers import trackers_of

_MAX_LINES = 60
"""Most lines of a training log in the summary."""


def write_summary(recipe: Recipe, ledger: Ledger, stopped: str | None) -> RunSummary:
    """Write `summary.json` of the stages done so far, and return it.

    Round t holds the results of policy M_t and the pairs that trained M_{t+1}.
    """
    rounds = []
    for round in range(recipe.num_rounds + 1):
        prefix = f"round-{round}/"
        if not any(name.startswith(prefix) for name in ledger.done):
            break
        of_round = recipe.of_round(min(round, recipe.num_rounds - 1))
        rounds.append(
            RoundSummary(
                round=round,
                policy=f"M{round}",
                **_results(recipe, ledger, round),
                translations=_translations(of_round, ledger, round),
                transforms=_transforms(of_round, ledger, round),
                cleaned=_cleaned(ledger, round),
                pairs=_pairs(of_round, ledger, round),
                demonstrations=_demonstrations(ledger, round),
                privileged=_privileged(ledger, round),
                choice=_choice(ledger, round),
                **_lengths_in_training(ledger, round),
                failures=_failures(ledger, round),
                tokens=count_tokens(ledger, round),
                training=_training(ledger, round),
            )
        )
    first = recipe.of_round(0)
    audited = [round for round in range(len(rounds)) if f"round-{round}/generate" in ledger.done]
    summary = RunSummary(
        recipe=recipe.name,
        seed=recipe.seed,
        method=first.train.method if first.train else None,
        dominant_language=recipe.dominant_language,
        own_code=list(recipe.own_code),
        planted=list(recipe.planted),
        validation=recipe.evaluate.validation.name if recipe.evaluate.validation else None,
        stopped=stopped,
        rounds=rounds,
        mean_changes=_mean_changes(recipe, ledger),
        seconds={name: done.seconds for name, done in ledger.done.items()},
        audit=_audit(recipe, ledger, audited) if audited else None,
    )
    summary.write(ledger.run / SUMMARY_FILE)
    new = write_metrics(ledger.run, summary)
    if first.train:
        track_evaluations(trackers_of(first.train.training), ledger.run, new)
    return summary


def _results(recipe: Recipe, ledger: Ledger, round: int) -> dict[str, list[ResultRow]]:
    """Return the result rows of every task with their paired change from M0.

    Cross-lingual tasks have rows by direction and by the language of the answer, too.
    """
    found: dict[str, list[ResultRow]] = {"results": [], "directions": [], "answer_languages": []}
    trained = recipe.trained_languages(recipe.num_rounds)
    for task in recipe.evaluate.all_tasks:
        done = ledger.done.get(f"round-{round}/evaluate/{task.name}")
        if done is None:
            continue
        base = ledger.done[f"round-0/evaluate/{task.name}"].folder
        new, old = (
            graded_views(task, folder, read_graded(folder)) for folder in (done.folder, base)
        )
        results = read_task_results(done.folder)
        for name, graded in new.items():
            differences = compare(graded, old[name], task_metrics(task), seed=recipe.seed)
            changes = {(each.metric, each.language): each for each in differences if round}
            for row in getattr(results, name) or ():
                # M0 itself was trained on none of the languages.
                marked = row.model_copy(update={"trained": row.language in trained})
                change = changes.get((row.metric, row.language))
                found[name].append(
                    marked.with_change(change.value, change.low, change.high) if change else marked
                )
    return found


def _lengths_in_training(ledger: Ledger, round: int) -> dict[str, Any]:
    """Return the rows by language that a training left out or cut because of their length."""
    facts = _train_facts(ledger, round)
    return {key: facts[key] for key in ("too_long", "cut") if key in facts}


def _failures(ledger: Ledger, round: int) -> dict[str, Failures]:
    """Return the answers that the stages of a round lack, by stage."""
    prefix = f"round-{round}/"
    return {
        name.removeprefix(prefix): done.failures
        for name, done in ledger.done.items()
        if name.startswith(prefix) and done.failures
    }


def _choice(ledger: Ledger, round: int) -> CheckpointChoice | None:
    """Return the selected checkpoint of a round, and the checks behind the selection."""
    facts = _train_facts(ledger, round)
    if "curve" not in facts:
        return None
    return CheckpointChoice(chosen_step=facts["chosen_step"], curve=facts["curve"])


def _train_facts(ledger: Ledger, round: int) -> dict[str, Any]:
    """Return the summary of a round's training; empty without one."""
    trained = ledger.done.get(f"round-{round}/train")
    if trained is None:
        return {}
    return read_json(trained.folder / "train.json", mend=f"delete {trained.folder}")


def _mean_changes(recipe: Recipe, ledger: Ledger) -> dict[str, dict[str, MeanChange]]:
    """Return the mean paired change from M0 to the last policy, by task and group of languages.

    Changes are differences of rates. The bootstrap draws families in all languages of the group
    at once, since they share the problems.
    """
    trained = recipe.trained_languages(recipe.num_rounds)
    others = [tag for tag in trained if tag != recipe.dominant_language]
    never = [tag for tag in recipe.all_languages if tag not in trained]
    groups = {"trained": others, "never trained": never}
    found: dict[str, dict[str, MeanChange]] = {}
    for task in recipe.evaluate.tasks:
        names = [f"round-{round}/evaluate/{task.name}" for round in range(recipe.num_rounds + 1)]
        folders = [ledger.done[name].folder for name in names if name in ledger.done]
        if len(folders) < 2:
            continue
        old, new = read_graded(folders[0]), read_graded(folders[-1])
        metric = task_metrics(task)[:1]
        pooled = {
            group: compare(_as_one(new, tags), _as_one(old, tags), metric, seed=recipe.seed)
            for group, tags in groups.items()
        }
        found[task.name] = {
            group: MeanChange(**asdict(rows[0])) for group, rows in pooled.items() if rows
        }
    return found


def _as_one(graded: list[Graded], tags: list[str]) -> list[Graded]:
    """Merge the rows of several languages into one language."""
    return [replace(row, language="mean") for row in graded if row.language in tags]


def _translations(recipe: Recipe, ledger: Ledger, round: int) -> list[TranslationCounts]:
    """Count the translated prompts, and a pool's translated answers, by language and fault.

    A prompt with a fault leaves the run; an answer with a fault may still be rejected, unless a
    gate keeps it out. `log_probability` is the mean over the translations that are kept.
    """
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    likely: dict[tuple[str, str], list[float]] = defaultdict(list)
    stages = {"prompts": "translate_prompts"}
    if recipe.is_translated_pool:
        stages["answers"] = "translate"
    for what, stage in stages.items():
        done = ledger.done.get(f"round-{round}/{stage}")
        for path in shard_paths(done.folder) if done else ():
            if what == "prompts":
                rows: list[Any] = [p for p in read_shard(path, Prompt) if p.translated_from]
                rows += read_shard(done.folder / DROPPED / path.name, Dropped) if done else []
            else:
                rows = [c for c in read_shard(path, Completion) if c.translated_from]
            for row in rows:
                fault = _fault(row)
                found[what, row.language][fault] += 1
                if not fault and row.translation_log_probability is not None:
                    likely[what, row.language].append(row.translation_log_probability)
    return [
        TranslationCounts(
            what=key[0],
            language=key[1],
            kept=counts.pop("", 0),
            lost=dict(counts),
            log_probability=fmean(likely[key]) if likely[key] else None,
        )
        for key, counts in sorted(found.items())
    ]


def _transforms(recipe: Recipe, ledger: Ledger, round: int) -> list[PassCounts]:
    """Count the prompts that each pass kept, by language and fault."""
    done = ledger.done.get(f"round-{round}/transform_prompts")
    if done is None:
        return []
    passes = recipe.prompts.transform
    return [
        PassCounts(
            name=f"{place} {each.kind}",
            with_gold=_with_gold(folder) if each.agreement else None,
            **totals(count_by_language(folder, Prompt)),
        )
        for place, (each, folder) in enumerate(
            zip(passes, transform_folders(passes, done.folder), strict=True), 1
        )
    ]


def _with_gold(folder: Path) -> dict[str, int]:
    """Count the prompts of a folder that have a gold, by language."""
    rows = (row for path in shard_paths(folder) for row in read_shard(path, Prompt))
    return dict(Counter(row.language for row in rows if row.gold is not None))


def _fault(row: Prompt | Dropped | Completion) -> str:
    """Name the fault of a translation; empty for a good one."""
    match row:
        case Dropped():
            return row.reason
        case Completion(finish_reason=FinishReason.LENGTH):
            return "cut_off"
        case Completion(finish_reason=FinishReason.ERROR):
            return "translation_failed"
        case Completion():
            return row.artefact or ("" if row.text.strip() else "empty")
    return ""


def _cleaned(ledger: Ledger, round: int) -> CleaningCounts | None:
    """Count the cleaned demonstrations by language, with the contamination report."""
    done = ledger.done.get(f"round-{round}/clean")
    if done is None:
        return None
    return CleaningCounts(
        empty_languages=done.counts["empty_languages"],
        by_language=count_by_language(done.folder, Demonstration),
        contamination=read_drops(done.folder)["contamination"],
    )


def _pairs(recipe: Recipe, ledger: Ledger, round: int) -> PairCounts | None:
    """Count the pairs of a round, once: the summary is written after every round."""
    filtered = ledger.done.get(f"round-{round}/filter")
    if filtered is None:
        return None
    made = make_once(
        ledger.run / f"round-{round}" / "pairs.json",
        lambda: {"pairs": _count_pairs(recipe, ledger, filtered, round).model_dump(mode="json")},
        made_from=[filtered.fingerprint, recipe.prompts.grader, recipe.seed, __version__],
    )
    return PairCounts.model_validate(made["pairs"])


def _count_pairs(recipe: Recipe, ledger: Ledger, filtered: Done, round: int) -> PairCounts:
    """Count the pairs with their lengths and reward accuracy, one shard in memory at a time."""
    kept: Counter[str] = Counter()
    pair_types: Counter[str] = Counter()
    dropped: dict[str, Counter[str]] = defaultdict(Counter)
    chars: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    grader = recipe.prompts.grader
    agreements = RewardAccuracyCounter(GRADERS[grader]) if grader else None
    prompts = ledger.done[f"round-{round}/{recipe.prompts_stage}"].folder
    for path in shard_paths(filtered.folder):
        preferences = read_shard(path, Preference)
        for preference in preferences:
            tag = preference.answer_language
            kept[tag] += 1
            pair_types[preference.pair_type] += 1
            chars[tag, "chosen_chars"][len(preference.chosen_text)] += 1
            chars[tag, "rejected_chars"][len(preference.rejected_text)] += 1
        for row in read_shard(filtered.folder / DROPPED / path.name, Dropped):
            dropped[row.language][row.reason] += 1
        if agreements:
            agreements.add(preferences, read_shard(prompts / path.name, Prompt))
    rows = agreements.accuracy(seed=recipe.seed) if agreements else []
    accuracy = {row.language: RewardAccuracyRow.of(row) for row in rows}
    return PairCounts(
        kept=kept.total(),
        pair_types=dict(sorted(pair_types.items())),
        dropped=dict(sum(dropped.values(), Counter())),
        reward_accuracy=accuracy.get("all"),
        by_language={
            tag: LanguagePairs(
                kept=kept[tag],
                dropped=dict(dropped[tag]),
                reward_accuracy=accuracy.get(tag),
                chosen_chars=_lengths(chars[tag, "chosen_chars"]),
                rejected_chars=_lengths(chars[tag, "rejected_chars"]),
            )
            for tag in sorted({*kept, *dropped})
        },
    )


def _demonstrations(ledger: Ledger, round: int) -> DemonstrationCounts | None:
    """Return the decision table of the routes, and count the demonstrations by answer language."""
    routed = ledger.done.get(f"round-{round}/route")
    if routed is None:
        return None
    counts = totals(count_by_language(routed.folder, Demonstration))
    return DemonstrationCounts(**counts, **read_routes(routed.folder))


def _privileged(ledger: Ledger, round: int) -> CountsByLanguage | None:
    """Count the prompts that got a privileged context, and those that none was found for."""
    made = ledger.done.get(f"round-{round}/privilege")
    if made is None:
        return None
    return CountsByLanguage(**totals(count_by_language(made.folder, PrivilegedPrompt)))


def _lengths(counts: Counter[int]) -> Lengths | None:
    """Return mean and deciles in characters of a histogram of lengths; None if it is empty."""
    if not counts:
        return None
    values = np.repeat(*(np.array(column) for column in zip(*counts.items(), strict=True)))
    deciles = np.percentile(values, range(0, 101, 10))
    return Lengths(mean=float(np.mean(values)), deciles=[float(value) for value in deciles])


def _training(ledger: Ledger, round: int) -> list[TrainingLine]:
    """Read the log of a training, merged to as many lines as a chart shows."""
    trained = ledger.done.get(f"round-{round}/train")
    lines = read_log(trained.folder / "log.jsonl") if trained else []
    every = -(-len(lines) // _MAX_LINES) or 1
    parts = [lines[start : start + every] for start in range(0, len(lines), every)]
    return [TrainingLine.model_validate(merge_lines(part)) for part in parts]


def _audit(recipe: Recipe, ledger: Ledger, rounds: Sequence[int]) -> Audit:
    """Return the off-target rate of the answers of each round, by sampler and language.

    The answers of a pool count after their translation, and in the first round alone if it has no
    policy among its samplers.
    """
    rows = []
    for round in rounds:
        of_round = recipe.of_round(min(round, recipe.num_rounds - 1))
        stage = "translate" if of_round.is_translated_pool else "generate"
        answers = ledger.done[f"round-{round}/{stage}"]
        made = make_once(
            ledger.run / f"round-{round}" / "audit.json",
            partial(_audit_round, of_round, answers, round),
            made_from=[answers.fingerprint, recipe.identifier.kind, recipe.seed, __version__],
        )
        rows += [AuditRow.model_validate(row) for row in made["rows"]]
    return Audit(rows=list({(row.sampler, row.language): row for row in rows}.values()))


def _audit_round(recipe: Recipe, answers: Done, round: int) -> dict[str, Any]:
    from isoglot.data.audit import OffTargetCounter

    counter = OffTargetCounter(identifier_of(recipe))
    for path in shard_paths(answers.folder):
        counter.add(read_shard(path, Completion))
    rates = list(map(asdict, counter.rates(seed=recipe.seed)))
    for rate in rates:
        rate["off_target_rate"] = rate.pop("value")
        if not recipe.samplers:
            rate["sampler"] = f"M{round}"
    return {"rows": rates}
