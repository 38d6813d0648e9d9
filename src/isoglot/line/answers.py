"""The stages that make answers: generate with each sampler of the pool, then translate.

One model is in memory at a time. Each sampler goes over all shards alone, into a folder of its own
(`generate/samplers/00`, `01`, ...), before the next one is loaded: two models of 8 billion
parameters rarely fit on one accelerator, and a killed run resumes shard by shard.
"""

import gc
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError, RunError
from isoglot.core.failures import (
    NOT_IN_FILE,
    completion_failures,
    has_answers,
    is_translated,
    reasons,
)
from isoglot.core.protocols import Sampling, Tick
from isoglot.core.records import Completion, Prompt
from isoglot.core.store import read_shard, shard_paths
from isoglot.data.artefacts import artefact_check
from isoglot.data.faults import plant_faults
from isoglot.data.generate import generate, merge_completions
from isoglot.data.translate import all_translations, translate_completions
from isoglot.execute.local import map_shards
from isoglot.execute.progress import Bars
from isoglot.line.job import Job, MapShards, Shards, num_rows
from isoglot.models.load import load_sampler
from isoglot.models.member import Member, PolicyMember, SourceMember


def run_sampler(
    prompts: Path,
    load: Callable[[], Any],
    sampling: Sampling,
    out: Path,
    *,
    title: str,
    serves: Callable[[Prompt], bool] | None = None,
    silent: bool = False,
    executor: MapShards = map_shards,
) -> Mapping[str, Any]:
    """Write the completions of a folder of prompts, or of those that `serves` selects, by shard.

    Shards that lack answers because of a server in trouble are made again.

    Raises:
        RunError: the server gave no answer at all; its shards are deleted.
    """

    def stage(rows: list[Prompt], sampler: Any, tick: Tick) -> list[Completion]:
        served = rows if serves is None else [row for row in rows if serves(row)]
        return generate(served, sampler, sampling, tick)

    inputs = Shards(prompts, Prompt)
    with Bars(silent=silent) as bars:
        bar = bars.bar(title, inputs.num_rows)
        counts = executor(
            stage,
            [inputs],
            out,
            Completion,
            load=load,
            bar=bar,
            ticks=True,
            is_final=has_answers,
        )
    _check_any_answer(out, counts.num_rows)
    return {"rows": counts.num_rows}


def make_completions(job: Job, out: Path) -> Mapping[str, Any]:
    """Complete the prompts with each sampler of the pool, and merge the completions by prompt."""
    recipe, prompts = job.recipe, job.inputs["prompts"]
    folders = _folders(len(recipe.pool), out / "samplers")
    for place, (member, folder) in enumerate(zip(recipe.pool, folders, strict=True), 1):
        title = f"generate {place}/{len(folders)}" if len(folders) > 1 else "generate"
        load = job.model if isinstance(member, PolicyMember) else partial(load_sampler, member)
        counts = run_sampler(
            prompts.folder,
            load,
            member.sampling or recipe.generate.sampling,
            folder,
            title=job.title(title),
            serves=partial(_serves, member, recipe.dominant_language),
            silent=job.silent,
            executor=job.executor(recipe.policy if isinstance(member, PolicyMember) else member),
        )
        gc.collect()  # a model may hold itself in a cycle, and the next one needs its room
    if len(folders) == 1:
        return counts
    for place, folder in enumerate(folders):
        _check_answered(folder, place)
    completions = [(folder, Completion) for folder in folders]
    inputs = [prompts, *completions]
    together = map_shards(merge_completions, inputs, out, Completion, is_final=has_answers)
    return {"rows": together.num_rows}


def make_translations(job: Job, out: Path) -> Mapping[str, Any]:
    """Translate the completions with each translator, and merge the translations."""
    folders = _folders(len(job.recipe.translators) or 1, out / "translators")
    for place, folder in enumerate(folders):
        counts = _translate(job, place, folder)
        gc.collect()
    if len(folders) == 1:
        return counts
    inputs = [job.inputs["generate"], *((folder, Completion) for folder in folders)]
    together = map_shards(all_translations, inputs, out, Completion, is_final=is_translated)
    return {"rows": together.num_rows}


def make_planted(job: Job, out: Path) -> Mapping[str, Any]:
    """Plant the wrong numbers of `faults:` in answers and translations."""
    recipe = job.recipe
    assert recipe.faults is not None
    dominant, seed = recipe.dominant_language, recipe.seed
    stage = partial(plant_faults, config=recipe.faults, dominant=dominant, seed=seed)
    inputs = job.shards("prompts", "completions")
    with job.bar("plant", inputs[0].num_rows) as bar:
        counts = map_shards(stage, inputs, out, Completion, bar=bar)
    return {"rows": counts.num_rows}


def _translate(job: Job, place: int, out: Path) -> Mapping[str, Any]:
    """Translate into and out of the dominant language, or only what the samplers of a pool need."""
    recipe = job.recipe
    only = _translated_only(job, place) if recipe.translates_one_way else None

    def load() -> Any:
        config, translator = recipe.prompts.artefacts, job.translator(place)
        is_checked = only is not None and config.is_used
        check = artefact_check(job.identifier(), config, translator) if is_checked else None
        return translator, check

    def stage(
        prompts: list[Prompt], rows: list[Completion], loaded: Any, tick: Tick
    ) -> list[Completion]:
        translator, check = loaded
        return translate_completions(
            prompts,
            rows,
            translator,
            dominant=recipe.dominant_language,
            languages=recipe.translated_languages(place),
            only=only,
            check=check,
            tick=tick,
        )

    num = len(recipe.translators)
    executor = job.executor(job.translator_config(place))
    title = f"translate {place + 1}/{num}" if num > 1 else "translate"
    inputs = job.shards("prompts", "generate")
    with job.bar(title, _num_texts(job, place)) as bar:
        counts = executor(
            stage,
            inputs,
            out,
            Completion,
            load=load,
            bar=bar,
            ticks=True,
            is_final=is_translated,
        )
    return {"rows": counts.num_rows}


def _serves(member: Member, dominant: str, prompt: Prompt) -> bool:
    if isinstance(member, SourceMember) and prompt.completion is None:
        return False
    if member.answers_in == "dominant":
        return prompt.language == dominant
    return member.serves(prompt.answer_language)


def _folders(num: int, inside: Path) -> list[Path]:
    """One folder per model; a single model writes into the folder of the stage."""
    if num == 1:
        return [inside.parent]
    return [inside / f"{place:02d}" for place in range(num)]


def _check_any_answer(folder: Path, num_rows: int) -> None:
    """Raise RunError for a server that answered nothing, and delete its shards."""
    failures = completion_failures(folder)
    asked = (counts for counts in failures.values() if NOT_IN_FILE not in counts)
    if not num_rows or num_rows > sum(sum(counts.values()) for counts in asked):
        return
    for path in shard_paths(folder):
        path.unlink()
    model, counts = next(iter(failures.items()))
    raise RunError(
        f"{model} gave no answer to any of {num_rows:,} requests ({reasons(counts)}); mend the "
        "server and give the same command, which asks again"
    )


def _check_answered(folder: Path, place: int) -> None:
    """Raise InputError for a sampler whose completions are all empty, and delete them."""
    num = 0
    for path in shard_paths(folder):
        rows = read_shard(path, Completion)
        if any(row.text.strip() for row in rows):
            return
        num += len(rows)
    if num:
        shutil.rmtree(folder)
        raise InputError(
            f"samplers.{place}: expected answers with text, came {num} without; see that the "
            "model answers, or leave it out, and run again"
        )


def _translated_only(job: Job, place: int) -> dict[str, Sequence[str]]:
    """Map each sampler whose answers are translated to the target languages of a translator."""
    recipe = job.recipe
    known = set(recipe.translated_languages(place))
    tags = [tag for tag in recipe.languages if tag in known]
    only: dict[str, Sequence[str]] = {}
    for member, folder in _translated(job):
        rows = (row for path in shard_paths(folder) for row in read_shard(path, Completion))
        if first := next(rows, None):
            only[first.sampler] = list(filter(member.serves, tags))
    return only


def _translated(job: Job) -> list[tuple[Member, Path]]:
    """The samplers whose answers are translated, with the folders of these answers."""
    recipe = job.recipe
    folders = _folders(len(recipe.pool), job.inputs["generate"].folder / "samplers")
    pairs = zip(recipe.pool, folders, strict=True)
    return [(member, folder) for member, folder in pairs if member in recipe.translated_members]


def _num_texts(job: Job, place: int) -> int:
    """The number of texts to translate, for the progress bar."""
    recipe, generated = job.recipe, job.inputs["generate"]
    num_languages = len(recipe.languages)
    if not recipe.translates_one_way:
        # Each answer of another language is translated once, and met by one of the dominant's.
        return generated.num_rows * 2 * (num_languages - 1) // num_languages
    tags = set(recipe.translated_languages(place)) - {recipe.dominant_language}
    num = 0
    for member, folder in _translated(job):
        is_all = member.answers_in == "prompt" and not isinstance(member, SourceMember)
        num_answers = num_rows(folder, Completion) // (num_languages if is_all else 1)
        num += num_answers * sum(member.serves(tag) for tag in tags)
    return num
