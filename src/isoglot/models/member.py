"""A sampler as a member of a pool: which languages it serves, and how it answers in them."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from isoglot.core.language_sets import Tags
from isoglot.core.section import Section
from isoglot.models.file import FileSamplerConfig
from isoglot.models.openai import OpenAIConfig
from isoglot.models.protocols import Sampling
from isoglot.models.transformers import TransformersConfig
from isoglot.models.vllm import VLLMConfig


class Member(Section):
    """What a sampler of a recipe has beside the settings of its model."""

    languages: Annotated[Tags, Field(min_length=1)] | None = None
    """The languages that it serves, or sets of them; left out, all of the recipe."""
    answers_in: Literal["prompt", "dominant"] = "prompt"
    """`prompt`: it answers each prompt in the language that this asks for. `dominant`: it answers
    the prompts of the dominant language only, and the recipe's translator brings the answers into
    the other languages that it serves (as in arXiv:2407.02552)."""
    sampling: Sampling | None = None
    """How it decodes, where that is not `generate.sampling`; keys that are left out are those of
    `generate.sampling`."""

    def serves(self, tag: str) -> bool:
        """Whether it has answers for a language of the recipe."""
        return self.languages is None or tag in self.languages


class PolicyMember(Member):
    """The policy of the round, beside other samplers."""

    kind: Literal["policy"] = "policy"


class TransformersMember(TransformersConfig, Member):
    """A model of this process, as a member."""


class FileMember(FileSamplerConfig, Member):
    """A file of completions, as a member."""


class OpenAIMember(OpenAIConfig, Member):
    """A model on a server, as a member."""


class VLLMMember(VLLMConfig, Member):
    """A model that vLLM runs, as a member."""


MemberConfig = Annotated[
    PolicyMember | TransformersMember | FileMember | OpenAIMember | VLLMMember,
    Field(discriminator="kind"),
]
"""Any sampler of a recipe; `kind` says how it runs."""


def check_languages(pool: Sequence[Member], languages: Sequence[str], dominant: str) -> None:
    """Raise ValueError for a member that serves what the recipe does not have, or cannot serve."""
    for place, member in enumerate(pool):
        if odd := [tag for tag in member.languages or () if tag not in languages]:
            raise ValueError(
                f"samplers.{place}: expected languages of the recipe ({', '.join(languages)}), "
                f"got {odd[0]!r}; leave it out, or add it to `languages`"
            )
        if member.answers_in == "dominant" and not (
            dominant in languages and member.serves(dominant)
        ):
            raise ValueError(
                f"samplers.{place}: answers_in dominant answers in {dominant!r}, which is not "
                "among its languages; add it to them and to `languages` of the recipe"
            )


def check_candidates(
    pool: Sequence[Member], languages: Sequence[str], sampling: Sampling, method: str
) -> None:
    """Raise ValueError where a language has fewer than two completions of each prompt to rank."""
    num: Counter[str] = Counter()
    for member in pool:
        for tag in languages:
            num[tag] += (member.sampling or sampling).num_samples * member.serves(tag)
    if few := [tag for tag in languages if num[tag] < 2]:
        raise ValueError(
            f"samplers: expected 2 or more completions of each prompt for pair.method {method}, "
            f"got {num[few[0]]} in {few[0]!r}; let another sampler serve it, or raise num_samples"
        )
