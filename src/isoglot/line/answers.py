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

from isoglot.core.errors import InputError
from isoglot.core.protocols import Tick
from isoglot.core.records import Completion, Prompt
from isoglot.core.store import read_shard, shard_paths
from isoglot.data.artefacts import artefact_check
from isoglot.data.generate import side_by_side
from isoglot.data.translate import all_translations, translate_completions
from isoglot.execute.local import map_shards
from isoglot.execute.progress import Bars
from isoglot.line.job import Job
from isoglot.line.prompts import num_rows, run_sampler
from isoglot.models.load import answer_settings, load_sampler, model_name_of, sampler_revision
from isoglot.models.member import Member, MemberConfig, PolicyMember, SourceMember
from isoglot.recipe.recipe import Recipe


def check_pool(recipe: Recipe) -> None:
    """Raise InputError where a member has no model, or two are the same one."""
    names: list[str] = []
    for member in recipe.samplers:
        model = recipe.policy if isinstance(member, PolicyMember) else member
        sampler_revision(model)
        names.append(model_name_of(model))
    translators = [model_name_of(each) for each in recipe.translators]
    for what, those in (("samplers", names), ("translators", translators)):
        if twice := [name for name in those if those.count(name) > 1]:
            raise InputError(
                f"expected {what} of different names, came {twice[0]!r} twice; leave one out"
            )


def member_settings(member: MemberConfig) -> Mapping[str, Any]:
    """What decides the answers of a member, beside the policy."""
    if isinstance(member, PolicyMember):
        return member.model_dump(mode="json")
    return answer_settings(member)


def make_completions(job: Job, out: Path) -> Mapping[str, Any]:
    """What the members of the pool answer, one after another, then side by side."""
    recipe, prompts = job.recipe, job.inputs["prompts"]
    folders = _folders(len(recipe.pool), out / "samplers")
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
    """What the translators make of the answers, one after another, then side by side."""
    folders = _folders(len(job.recipe.translators) or 1, out / "translators")
    for place, folder in enumerate(folders):
        counts = _translate(job, place, folder)
        gc.collect()
    if len(folders) == 1:
        return counts
    inputs = [(folder, Completion) for folder in (job.inputs["generate"], *folders)]
    return {"rows": map_shards(all_translations, inputs, out, Completion).num_rows}


def _translate(job: Job, place: int, out: Path) -> Mapping[str, Any]:
    """The answers translated into and out of the dominant language; of a pool, what it needs."""
    recipe = job.recipe
    only = _translated_only(job, place) if recipe.translates_one_way else None

    def load() -> Any:
        config = recipe.prompts.artefacts
        translator = job.translator(place)
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
    title = f"translate {place + 1}/{num}" if num > 1 else "translate"
    with Bars(silent=job.silent) as bars:
        bar = bars.bar(job.title(title), _num_texts(job, place))
        inputs = [(job.inputs["prompts"], Prompt), (job.inputs["generate"], Completion)]
        counts = job.executor(stage, inputs, out, Completion, load=load, tick=bar)
    return {"rows": counts.num_rows}


def _load(job: Job, member: MemberConfig) -> Any:
    return job.sampler() if isinstance(member, PolicyMember) else load_sampler(member)


def _serves(member: Member, dominant: str, prompt: Prompt) -> bool:
    if isinstance(member, SourceMember) and prompt.completion is None:
        return False
    if member.answers_in == "dominant":
        return prompt.language == dominant
    return member.serves(prompt.answer_language)


def _folders(num: int, inside: Path) -> list[Path]:
    """Where the answers of each model lie; those of one alone are the stage's."""
    if num == 1:
        return [inside.parent]
    return [inside / f"{place:02d}" for place in range(num)]


def _check_answered(folder: Path, place: int) -> None:
    """Raise InputError for a member that answered every prompt with nothing; none of it is kept."""
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
    """Names of the members whose answers are translated, and into what by this translator."""
    recipe = job.recipe
    known = set(recipe.translated_languages(place))
    only: dict[str, Sequence[str]] = {}
    for member, folder in _translated(job):
        rows = (row for path in shard_paths(folder) for row in read_shard(path, Completion))
        if first := next(rows, None):
            only[first.sampler] = [tag for tag in recipe.languages if tag in known and
                                   member.serves(tag)]  # fmt: skip
    return only


def _translated(job: Job) -> list[tuple[Member, Path]]:
    """The members whose answers are translated, and where these lie."""
    recipe = job.recipe
    folders = _folders(len(recipe.pool), job.inputs["generate"] / "samplers")
    pairs = zip(recipe.pool, folders, strict=True)
    return [(member, folder) for member, folder in pairs if member in recipe.translated_members]


def _num_texts(job: Job, place: int) -> int:
    """How much there is to translate, for the bar."""
    recipe, out = job.recipe, job.inputs["generate"]
    num_languages = len(recipe.languages)
    if not recipe.translates_one_way:
        # Each answer of another language is translated once, and met by one of the dominant's.
        return num_rows(out, Completion) * 2 * (num_languages - 1) // num_languages
    tags = set(recipe.translated_languages(place)) - {recipe.dominant_language}
    num = 0
    for member, folder in _translated(job):
        is_all = member.answers_in == "prompt" and not isinstance(member, SourceMember)
        num_answers = num_rows(folder, Completion) // (num_languages if is_all else 1)
        num += num_answers * sum(member.serves(tag) for tag in tags)
    return num
