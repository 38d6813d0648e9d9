"""Samplers and translators of a recipe: a model, the languages that it serves, and how."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, Tag

from isoglot.core.errors import InputError
from isoglot.core.language_sets import Tags
from isoglot.core.protocols import Sampling
from isoglot.core.section import Section
from isoglot.models.engine import WEIGHTS, by_engine
from isoglot.models.file import FileSamplerConfig
from isoglot.models.local.config import WeightsConfig
from isoglot.models.server.config import OpenAIConfig
from isoglot.models.source import SourceConfig
from isoglot.models.translation.google import GoogleConfig
from isoglot.models.translation.seq2seq import Seq2SeqConfig


class Serving(Section):
    """Settings of one of several models of a recipe, in addition to its own."""

    languages: Annotated[Tags, Field(min_length=1)] | None = None
    """The languages that it serves, or names of sets; by default all languages of the recipe."""

    def serves(self, tag: str) -> bool:
        """True if it answers in this language of the recipe."""
        return self.languages is None or tag in self.languages


class Member(Serving):
    """A sampler of a recipe."""

    answers_in: Literal["prompt", "dominant"] = "prompt"
    """`prompt`: it answers each prompt in the prompt's answer language. `dominant`: it answers only
    the prompts in the dominant language, and the recipe's translator translates the answers into
    the other languages that it serves (as in arXiv:2407.02552)."""
    sampling: Sampling | None = None
    """Decoding settings in place of those of `generate.sampling`, key by key."""


class PolicyMember(Member):
    """The policy of the round."""

    kind: Literal["policy"] = "policy"


class WeightsMember(WeightsConfig, Member):
    """A sampler with weights of one's own."""


class FileMember(FileSamplerConfig, Member):
    """A file of completions."""


class OpenAIMember(OpenAIConfig, Member):
    """A sampler on a server."""


class SourceMember(SourceConfig, Member):
    """The completions of the prompts' source."""


MemberConfig = Annotated[
    Annotated[PolicyMember, Tag("policy")]
    | Annotated[WeightsMember, Tag(WEIGHTS)]
    | Annotated[FileMember, Tag("file")]
    | Annotated[OpenAIMember, Tag("openai")]
    | Annotated[SourceMember, Tag("source")],
    by_engine("openai", "file", kinds=("policy", "source")),
]
"""Any sampler of a recipe, by its `engine`; the policy and the source's completions by `kind`."""


class WeightsTranslator(WeightsConfig, Serving):
    """A model with weights of one's own, prompted to translate."""


class FileTranslator(FileSamplerConfig, Serving):
    """A file of completions of a model that was prompted to translate."""


class OpenAITranslator(OpenAIConfig, Serving):
    """A model on a server, prompted to translate."""


class Seq2SeqMember(Seq2SeqConfig, Serving):
    """A translation model of this process."""


class GoogleMember(GoogleConfig, Serving):
    """Google's service."""


TranslatorMember = Annotated[
    Annotated[WeightsTranslator, Tag(WEIGHTS)]
    | Annotated[FileTranslator, Tag("file")]
    | Annotated[OpenAITranslator, Tag("openai")]
    | Annotated[Seq2SeqMember, Tag("seq2seq")]
    | Annotated[GoogleMember, Tag("google")],
    by_engine("openai", "file", "seq2seq", "google"),
]
"""Any translator of a recipe, by its `engine`."""


def check_members(pool: Sequence[Member], languages: Sequence[str], dominant: str) -> None:
    """Raise InputError for a sampler that serves a language outside the recipe, or that answers in
    the dominant language without serving it."""
    _check_serving("samplers", pool, languages)
    for i, member in enumerate(pool):
        serves_dominant = dominant in languages and member.serves(dominant)
        if member.answers_in == "dominant" and not serves_dominant:
            raise InputError(
                f"samplers.{i}: answers_in dominant answers in {dominant!r}, which is not "
                "among its languages; add it to them and to `languages` of the recipe"
            )


def check_translators(
    translators: Sequence[Serving], languages: Sequence[str], translates_prompts: bool
) -> None:
    """Raise InputError for a translator that serves a language outside the recipe, and for a first
    one that does not serve all languages although it translates the prompts."""
    _check_serving("translator", translators, languages)
    left = [tag for each in translators[:1] for tag in languages if not each.serves(tag)]
    if translates_prompts and left:
        raise InputError(
            f"translator.0 translates the prompts, and does not serve {left[0]!r}: put the one "
            "first that serves all languages"
        )


def _check_serving(key: str, models: Sequence[Serving], languages: Sequence[str]) -> None:
    for i, model in enumerate(models):
        if unknown := [tag for tag in model.languages or () if tag not in languages]:
            raise InputError(
                f"{key}.{i}: expected languages of the recipe ({', '.join(languages)}), "
                f"got {unknown[0]!r}; leave it out, or add it to `languages`"
            )


def check_candidates(
    pool: Sequence[Member], num_translators: Mapping[str, int], sampling: Sampling, method: str
) -> None:
    """Raise InputError for a language with fewer than two completions of each prompt to rank.

    `num_translators` is the number of translators from the dominant language into each language, 1
    for the dominant language itself.
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
