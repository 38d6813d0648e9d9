"""`summary.json`: the results of a whole run, read off the folders of its stages."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from isoglot.core.errors import InputError
from isoglot.core.records import (
    Completion,
    Dropped,
    FinishReason,
    Graded,
    Preference,
    Prompt,
)
from isoglot.core.store import DROPPED, read_shard, shard_paths, write_json
from isoglot.core.version import __version__
from isoglot.evals.aggregate import Difference, compare
from isoglot.evals.graders import GRADERS
from isoglot.evals.reward_accuracy import RewardAccuracyCounter
from isoglot.execute.ledger import Done, Ledger
from isoglot.line.demonstrations import count_by_language, read_fit
from isoglot.line.sources import identifier_of
from isoglot.line.task import by_language, read_graded, read_results, task_metrics
from isoglot.recipe.recipe import Recipe


def write_summary(recipe: Recipe, ledger: Ledger, stopped: str | None) -> dict[str, Any]:
    """Write `summary.json` of what is done so far, and return it.

    Round t holds the results of policy M_t and the pairs that trained M_{t+1}.
    """
    rounds = []
    for round in range(recipe.num_rounds + 1):
        prefix = f"round-{round}/"
        if not any(name.startswith(prefix) for name in ledger.done):
            break
        of_round = recipe.of_round(min(round, recipe.num_rounds - 1))
        rounds.append(
            {
                "round": round,
                "policy": f"M{round}",
                **_results(recipe, ledger, round),
                "translations": _translations(of_round, ledger, round),
                "cleaned": _cleaned(ledger, round),
                "pairs": _pairs(of_round, ledger, round),
                "demonstrations": _demonstrations(ledger, round),
                "choice": _choice(ledger, round),
            }
        )
    first = recipe.of_round(0)
    summary: dict[str, Any] = {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "method": first.train.method if first.train else None,
        "dominant_language": recipe.dominant_language,
        "validation": recipe.evaluate.validation.name if recipe.evaluate.validation else None,
        "stopped": stopped,
        "rounds": rounds,
        "mean_changes": _mean_changes(recipe, ledger),
        "seconds": {name: done.seconds for name, done in ledger.done.items()},
    }
    if first.samplers and "round-0/generate" in ledger.done:
        summary["audit"] = {"rows": _audit(first, ledger)}
    write_json(ledger.run / "summary.json", summary)
    return summary


def _results(recipe: Recipe, ledger: Ledger, round: int) -> dict[str, list[dict[str, Any]]]:
    """The rows of every task by the language of the prompt, and of those that ask across languages
    by direction and by the language of the answer; each with its paired change to M0."""
    found: dict[str, list[dict[str, Any]]] = {
        "results": [],
        "directions": [],
        "answer_languages": [],
    }
    trained = recipe.trained_languages(recipe.num_rounds)
    for task in recipe.evaluate.all_tasks:
        done = ledger.done.get(f"round-{round}/evaluate/{task.name}")
        if done is None:
            continue
        base = ledger.done[f"round-0/evaluate/{task.name}"].folder
        new, old = (
            by_language(task, folder, read_graded(folder)) for folder in (done.folder, base)
        )
        for name, graded in new.items():
            rows = read_results(done.folder, name)
            for row in rows:  # M0 itself was trained on none of them
                row["trained"] = row["language"] in trained
            if round:
                differences = compare(graded, old[name], task_metrics(task), seed=recipe.seed)
                _add_changes(rows, differences)
            found[name] += rows
    return found


def _add_changes(rows: list[dict[str, Any]], differences: Sequence[Difference]) -> None:
    changes = {(each.metric, each.language): each for each in differences}
    for row in rows:
        if change := changes.get((row["metric"], row["language"])):
            row |= {
                "change": change.value,
                "change_low": change.low,
                "change_high": change.high,
            }


def _choice(ledger: Ledger, round: int) -> dict[str, Any] | None:
    """Which step of a round's training was saved, and the checks that it was chosen by."""
    trained = ledger.done.get(f"round-{round}/train")
    if trained is None:
        return None
    told = json.loads((trained.folder / "train.json").read_text(encoding="utf-8"))
    return {key: told[key] for key in ("chosen_step", "curve")} if "curve" in told else None


def _mean_changes(recipe: Recipe, ledger: Ledger) -> dict[str, Any]:
    """Task → group of languages → mean paired change from M0 to the last policy, in points of 0..1.

    The bootstrap draws families, in all languages of the group at once: they share the problems.
    """
    trained = recipe.trained_languages(recipe.num_rounds)
    others = [tag for tag in trained if tag != recipe.dominant_language]
    never = [tag for tag in recipe.all_languages if tag not in trained]
    groups = {"trained": others, "never trained": never}
    found: dict[str, Any] = {}
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
        found[task.name] = {group: asdict(rows[0]) for group, rows in pooled.items() if rows}
    return found


def _as_one(graded: list[Graded], tags: list[str]) -> list[Graded]:
    """The rows of several languages as if they were one."""
    return [replace(row, language="mean") for row in graded if row.language in tags]


def _translations(recipe: Recipe, ledger: Ledger, round: int) -> list[dict[str, Any]]:
    """What became of translated prompts, and of a pool's translated answers, by language.

    A prompt that is not kept is no prompt of the run; an answer with an artefact stays to be
    rejected, unless a gate keeps it out. `log_probability` is the mean over what is kept.
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
                fate = _fate(row)
                found[what, row.language][fate] += 1
                if not fate and row.translation_log_probability is not None:
                    likely[what, row.language].append(row.translation_log_probability)
    return [
        {
            "what": key[0],
            "language": key[1],
            "kept": counts.pop("", 0),
            "lost": dict(counts),
            "log_probability": fmean(likely[key]) if likely[key] else None,
        }
        for key, counts in sorted(found.items())
    ]


def _fate(row: Prompt | Dropped | Completion) -> str:
    """Why a translation is none, or empty where it is one."""
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


def _cleaned(ledger: Ledger, round: int) -> dict[str, Any] | None:
    """What became of a round's demonstrations, by language, and what evaluation sets they held."""
    done = ledger.done.get(f"round-{round}/clean")
    if done is None:
        return None
    return {
        "empty_languages": done.counts["empty_languages"],
        "by_language": count_by_language(done.folder),
        "contamination": read_fit(done.folder)["contamination"],
    }


def _pairs(recipe: Recipe, ledger: Ledger, round: int) -> dict[str, Any] | None:
    """`_count_pairs` of a round, kept in its folder: a summary is written after each round."""
    filtered = ledger.done.get(f"round-{round}/filter")
    if filtered is None:
        return None
    path = ledger.run / f"round-{round}" / "pairs.json"
    made_from = [filtered.fingerprint, recipe.prompts.grader, recipe.seed, __version__]
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        if before["made_from"] == made_from:
            return before["pairs"]
    except (OSError, ValueError, KeyError):
        pass  # not there, or not whole: it is only what the shards say
    pairs = _count_pairs(recipe, ledger, filtered, round)
    write_json(path, {"made_from": made_from, "pairs": pairs})
    return pairs


def _count_pairs(recipe: Recipe, ledger: Ledger, filtered: Done, round: int) -> dict[str, Any]:
    """Counts, lengths and reward accuracy of a round's pairs, one shard in memory at a time."""
    kept: Counter[str] = Counter()
    pair_types: Counter[str] = Counter()
    dropped: dict[str, Counter[str]] = defaultdict(Counter)
    chars: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    grader = recipe.prompts.grader
    agreements = RewardAccuracyCounter(GRADERS[grader]) if grader else None
    prompts = ledger.done[f"round-{round}/{recipe.asked_stage}"].folder
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
    accuracy = {row.language: _row(row) for row in rows}
    return {
        "kept": kept.total(),
        "pair_types": dict(sorted(pair_types.items())),
        "dropped": dict(sum(dropped.values(), Counter())),
        "reward_accuracy": accuracy.get("all"),
        "by_language": {
            tag: {
                "kept": kept[tag],
                "dropped": dict(dropped[tag]),
                "reward_accuracy": accuracy.get(tag),
                "chosen_chars": _lengths(chars[tag, "chosen_chars"]),
                "rejected_chars": _lengths(chars[tag, "rejected_chars"]),
            }
            for tag in sorted({*kept, *dropped})
        },
    }


def _demonstrations(ledger: Ledger, round: int) -> dict[str, Any] | None:
    """The decision table of a round's routes, and what became of its prompts, by the language of
    the answer."""
    routed = ledger.done.get(f"round-{round}/route")
    if routed is None:
        return None
    rows = count_by_language(routed.folder)
    return {
        "kept": sum(row["kept"] for row in rows.values()),
        "dropped": dict(sum((Counter(row["dropped"]) for row in rows.values()), Counter())),
        "by_language": rows,
        **json.loads((routed.folder / "routes.json").read_text(encoding="utf-8")),
    }


def _row(accuracy: Any) -> dict[str, Any]:
    row = asdict(accuracy)
    del row["language"]
    return row


def _lengths(counts: Counter[int]) -> dict[str, Any] | None:
    """Mean and deciles in characters, of how often each length occurs; None of nothing."""
    if not counts:
        return None
    values = np.repeat(*(np.array(column) for column in zip(*counts.items(), strict=True)))
    deciles = np.percentile(values, range(0, 101, 10))
    return {"mean": float(np.mean(values)), "deciles": [float(value) for value in deciles]}


def _audit(recipe: Recipe, ledger: Ledger) -> list[Mapping[str, Any]]:
    """Off-target rate of each sampler and language; of a pool also of what was translated."""
    from isoglot.data.audit import off_target_rates

    stage = "translate" if recipe.is_translated_pool else "generate"
    folder = ledger.done[f"round-0/{stage}"].folder
    completions = [row for path in shard_paths(folder) for row in read_shard(path, Completion)]
    rates = off_target_rates(completions, identifier_of(recipe), seed=recipe.seed)
    return [_audit_row(asdict(rate)) for rate in rates]


def _audit_row(row: dict[str, Any]) -> dict[str, Any]:
    row["off_target_rate"] = row.pop("value")
    return row


def read_summary(run: Path) -> dict[str, Any]:
    """The summary of a run's folder; raises InputError where there is none to read."""
    path = run / "summary.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"no summary.json in {run}: expected a run's folder (`isoglot run`)"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path} ({error}): run the recipe again") from None
