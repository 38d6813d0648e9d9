"""Privileged contexts for self-distillation: of the prompts of a run, and of rows of the user's."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import field_validator

from isoglot.core.errors import InputError, RefusedRow
from isoglot.core.failures import reasons
from isoglot.core.languages import language
from isoglot.core.own_rows import OwnRow, prompt_of
from isoglot.core.records import Completion, PrivilegedPrompt, Prompt
from isoglot.core.section import Section
from isoglot.core.verbosity import tell
from isoglot.data.privilege import PrivilegeConfig, privileged_prompts
from isoglot.execute.local import map_shards
from isoglot.line.job import Job


def make_privileged(job: Job, out: Path) -> Mapping[str, Any]:
    """Give each prompt the dominant language's best answer as a context, or drop it by name."""
    recipe = job.recipe
    assert recipe.privilege is not None
    stage = partial(privileged_prompts, config=recipe.privilege, dominant=recipe.dominant_language)
    inputs = job.shards("prompts", "completions")
    with job.bar("privilege", inputs[0].num_rows) as bar:
        counts = map_shards(stage, inputs, out, PrivilegedPrompt, bar=bar)
    return counts.kept_and_dropped


class OwnContexts(Section):
    """The contexts of rows of the user's, in the words of a recipe."""

    privilege: PrivilegeConfig = PrivilegeConfig()
    """The context of each prompt."""
    dominant_language: str = "en"
    """The language whose prompt and answer are shown."""

    @field_validator("dominant_language")
    @classmethod
    def _tag(cls, tag: str) -> str:
        return language(tag).tag

    def check(self, method: str) -> None:
        """Raise InputError for a method that reads no contexts, or a reward, which no row has."""
        if method != "sdft":
            raise InputError(
                f"expected method sdft for {' and '.join(sorted(self.model_fields_set))}, which "
                f"make what its teacher reads, got {method}; leave them out"
            )
        if ranked := {"reward", "min_reward"} & self.privilege.model_fields_set:
            raise InputError(
                f"privilege.{min(ranked)} is about rewards, and the answers in rows of your own "
                "have none; leave it out"
            )

    def of_prompts(self, prompts: Iterable[Prompt]) -> list[PrivilegedPrompt]:
        """Give each prompt in another language its family's answer in the dominant one, of several
        the first; say to standard error how many have none, and why.

        Raises:
            InputError: no prompt has one, or a family has two prompts in one language.
        """
        rows = list(prompts)
        answers = [
            Completion.from_text(row, row.completion, sampler=row.source)
            for row in rows
            if row.completion
        ]
        made, dropped = privileged_prompts(
            rows, answers, self.privilege, dominant=self.dominant_language
        )
        why = reasons(Counter(each.reason for each in dropped))
        if not made:
            raise InputError(
                "expected prompts of one `family` in several languages, of which that in "
                f"{self.dominant_language} has an answer, came none ({why or 'no other language'});"
                " add the columns, or set dominant_language"
            )
        if dropped:
            tell(f"contexts for {len(made):,} prompts; left out {len(dropped):,}: {why}")
        return made


def prompt_to_answer(own: OwnRow) -> Prompt:
    """Make a prompt that is answered in its own language, as privileged contexts need.

    Raises:
        RefusedRow: the row has no prompt, or asks for an answer in another language.
    """
    if own.answer_language != own.language:
        raise RefusedRow(
            f"expected a prompt that is answered in its own language, {own.language}, came "
            f"answer_language {own.answer_language}; leave the row out",
            "answered in another language",
        )
    return prompt_of(own)
