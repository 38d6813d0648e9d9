"""The pool: who answers which prompts, and whose answers are translated.

One model is in memory at a time. Each member of a pool goes over all shards alone, into a folder of
its own (`generate/samplers/00`, `01`, ...), before the next one is loaded: two models of 8 billion
parameters rarely fit on one accelerator, and what was killed goes on shard by shard.
"""

import gc
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from isoglot.config import Recipe
from isoglot.core.records import Completion, Prompt
from isoglot.core.store import read_shard, shard_paths
from isoglot.data.artefacts import artefact_check
from isoglot.data.generate import side_by_side
from isoglot.data.translate import translate_completions
from isoglot.execute.local import map_shards
from isoglot.execute.progress import Bars
from isoglot.job import Job
from isoglot.models.load import answer_settings, load_sampler, model_name_of, sampler_revision
from isoglot.models.member import Member, MemberConfig, PolicyMember
from isoglot.models.protocols import Tick
from isoglot.prompting import num_rows, run_sampler


def check_pool(recipe: Recipe) -> None:
    """Raise ValueError where a member has no model, or two are the same one."""
    names: list[str] = []
    for member in recipe.samplers:
        model = recipe.policy if isinstance(member, PolicyMember) else member
        sampler_revision(model)
        names.append(model_name_of(model))
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(
            f"expected samplers of different names, came {twice[0]!r} twice; leave one out"
        )


def member_settings(member: MemberConfig) -> Mapping[str, Any]:
    """What decides the answers of a member, beside the policy."""
    if isinstance(member, PolicyMember):
        return member.model_dump(mode="json")
    return answer_settings(member)


def make_completions(job: Job, out: Path) -> Mapping[str, Any]:
    """What the members of the pool answer, one after another, then side by side."""
    recipe, prompts = job.recipe, job.inputs["prompts"]
    folders = _folders(recipe.pool, out)
    for place, (member, folder) in enumerate(zip(recipe.pool, folders, strict=True), 1):
        title = f"generate {place}/{len(folders)}" if len(folders) > 1 else "generate"
        counts = run_sampler(
            prompts,
            partial(_load, job, member),
            member.sampling or recipe.generate.sampling,
            folder,
            title=job.title(title),
            serves=partial(_serves, member, recipe.dominant_language),
            silent=job.silent,
            executor=job.executor,
        )
        gc.collect()  # a model may hold itself in a cycle, and the next one needs its room
    if len(folders) == 1:
        return counts
    for place, folder in enumerate(folders):
        _check_answered(folder, place)
    answers = [(folder, Completion) for folder in folders]
    together = map_shards(side_by_side, [(prompts, Prompt), *answers], out, Completion)
    return {"rows": together.num_rows}


def make_translations(job: Job, out: Path) -> Mapping[str, Any]:
    """The answers translated into and out of the dominant language; of a pool, what it needs."""
    recipe = job.recipe
    only = _translated_only(job) if recipe.is_translated_pool else None

    def load() -> Any:
        config = recipe.prompts.artefacts
        translator = job.translator()
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
            languages=recipe.languages,
            only=only,
            check=check,
            tick=tick,
        )

    with Bars(silent=job.silent) as bars:
        bar = bars.bar(job.title("translate"), _num_texts(job))
        inputs = [(job.inputs["prompts"], Prompt), (job.inputs["generate"], Completion)]
        counts = job.executor(stage, inputs, out, Completion, load=load, tick=bar)
    return {"rows": counts.num_rows}


def _load(job: Job, member: MemberConfig) -> Any:
    return job.sampler() if isinstance(member, PolicyMember) else load_sampler(member)


def _serves(member: Member, dominant: str, prompt: Prompt) -> bool:
    if member.answers_in == "dominant":
        return prompt.language == dominant
    return member.serves(prompt.answer_language)


def _folders(pool: Sequence[Member], out: Path) -> list[Path]:
    """Where the answers of each member lie; one alone needs no folder of its own."""
    if len(pool) == 1:
        return [out]
    return [out / "samplers" / f"{place:02d}" for place in range(len(pool))]


def _check_answered(folder: Path, place: int) -> None:
    """Raise ValueError for a member that answered every prompt with nothing; none of it is kept."""
    num = 0
    for path in shard_paths(folder):
        rows = read_shard(path, Completion)
        if any(row.text.strip() for row in rows):
            return
        num += len(rows)
    if num:
        shutil.rmtree(folder)
        raise ValueError(
            f"samplers.{place}: expected answers with text, came {num} without; see that the "
            "model answers, or leave it out, and run again"
        )


def _translated_only(job: Job) -> dict[str, Sequence[str]]:
    """Names of the members that answer in the dominant language, and what they serve."""
    recipe = job.recipe
    only: dict[str, Sequence[str]] = {}
    folders = _folders(recipe.pool, job.inputs["generate"])
    for member, folder in zip(recipe.pool, folders, strict=True):
        if member.answers_in == "dominant":
            rows = (row for path in shard_paths(folder) for row in read_shard(path, Completion))
            if first := next(rows, None):
                only[first.sampler] = member.languages or recipe.languages
    return only


def _num_texts(job: Job) -> int:
    """How much there is to translate, for the bar."""
    recipe, out = job.recipe, job.inputs["generate"]
    num_languages = len(recipe.languages)
    if not recipe.is_translated_pool:
        # Each answer of another language is translated once, and met by one of the dominant's.
        return num_rows(out, Completion) * 2 * (num_languages - 1) // num_languages
    return sum(
        num_rows(folder, Completion) * (len(member.languages or recipe.languages) - 1)
        for member, folder in zip(recipe.pool, _folders(recipe.pool, out), strict=True)
        if member.answers_in == "dominant"
    )
