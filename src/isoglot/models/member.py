"""A sampler as a member of a pool: which languages it serves, and how it answers in them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from isoglot.core.errors import InputError
from isoglot.core.language_sets import Tags
from isoglot.core.protocols import Sampling
from isoglot.core.section import Section
from isoglot.models.file import FileSamplerConfig
from isoglot.models.local.transformers import TransformersConfig
from isoglot.models.local.vllm import VLLMConfig
from isoglot.models.server.openai import OpenAIConfig
from isoglot.models.source import SourceConfig
from isoglot.models.translation.google import GoogleConfig
from isoglot.models.translation.seq2seq import Seq2SeqConfig


class Serving(Section):
    """What a model of a recipe has beside its settings, where there are several of its kind."""

    languages: Annotated[Tags, Field(min_length=1)] | None = None
    """The languages that it serves, or sets of them; left out, all of the recipe."""

    def serves(self, tag: str) -> bool:
        """Whether it is asked for a language of the recipe."""
        return self.languages is None or tag in self.languages


class Member(Serving):
    """A sampler of a recipe."""

    answers_in: Literal["prompt", "dominant"] = "prompt"
    """`prompt`: it answers each prompt in the language that this asks for. `dominant`: it answers
    the prompts of the dominant language only, and the recipe's translator brings the answers into
    the other languages that it serves (as in arXiv:2407.02552)."""
    sampling: Sampling | None = None
    """How it decodes, where that is not `generate.sampling`; keys that are left out are those of
    `generate.sampling`."""


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


class SourceMember(SourceConfig, Member):
    """The answers of the prompts' source, as a member."""


MemberConfig = Annotated[
    PolicyMember | TransformersMember | FileMember | OpenAIMember | VLLMMember | SourceMember,
    Field(discriminator="kind"),
]
"""Any sampler of a recipe; `kind` says how it runs."""


class TransformersTranslator(TransformersConfig, Serving):
    """A model of this process, asked to translate."""


class FileTranslator(FileSamplerConfig, Serving):
    """A file of what a model answered when it was asked to translate."""


class OpenAITranslator(OpenAIConfig, Serving):
    """A model on a server, asked to translate."""


class VLLMTranslator(VLLMConfig, Serving):
    """A model that vLLM runs, asked to translate."""


class Seq2SeqServing(Seq2SeqConfig, Serving):
    """A translation model of this process."""


class GoogleServing(GoogleConfig, Serving):
    """Google's service."""


TranslatorMember = Annotated[
    TransformersTranslator
    | FileTranslator
    | OpenAITranslator
    | VLLMTranslator
    | Seq2SeqServing
    | GoogleServing,
    Field(discriminator="kind"),
]
"""Any translator of a recipe; `kind` says how it runs."""


def check_languages(pool: Sequence[Member], languages: Sequence[str], dominant: str) -> None:
    """Raise InputError for a member that serves what the recipe does not have, or cannot serve."""
    for place, member in enumerate(pool):
        if odd := [tag for tag in member.languages or () if tag not in languages]:
            raise InputError(
                f"samplers.{place}: expected languages of the recipe ({', '.join(languages)}), "
                f"got {odd[0]!r}; leave it out, or add it to `languages`"
            )
        if member.answers_in == "dominant" and not (
            dominant in languages and member.serves(dominant)
        ):
            raise InputError(
                f"samplers.{place}: answers_in dominant answers in {dominant!r}, which is not "
                "among its languages; add it to them and to `languages` of the recipe"
            )


def check_translators(
    translators: Sequence[Serving], languages: Sequence[str], translates_prompts: bool
) -> None:
    """Raise InputError for one that serves what the recipe does not have, or a first one that does
    not serve all, where it translates the prompts."""
    for place, each in enumerate(translators):
        if odd := [tag for tag in each.languages or () if tag not in languages]:
            raise InputError(
                f"translator.{place}: expected languages of the recipe ({', '.join(languages)}), "
                f"got {odd[0]!r}; leave it out, or add it to `languages`"
            )
    left = [tag for each in translators[:1] for tag in languages if not each.serves(tag)]
    if translates_prompts and left:
        raise InputError(
            f"translator.0 translates the prompts, and does not serve {left[0]!r}: put the one "
            "first that serves all languages"
        )


def check_candidates(
    pool: Sequence[Member],
    num_translators: Mapping[str, int],
    sampling: Sampling,
    method: str,
) -> None:
    """Raise InputError where a language has fewer than two completions of each prompt to rank.

    `num_translators` says how many translate an answer in the dominant language into each one, 1
    where it needs no translation.
    """
    num: Counter[str] = Counter()
    for member in pool:
        for tag, times in num_translators.items():
            each = (member.sampling or sampling).num_samples * member.serves(tag)
            num[tag] += each * (times if member.answers_in == "dominant" else 1)
    if few := [tag for tag in num_translators if num[tag] < 2]:
        raise InputError(
            f"samplers: expected 2 or more completions of each prompt for pair.method {method}, "
            f"got {num[few[0]]} in {few[0]!r}; let another sampler serve it, or raise num_samples"
        )
