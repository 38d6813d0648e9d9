"""Recipe: one YAML file as one frozen object. Unknown keys are refused, known keys are all read."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from isoglot.core.errors import InputError
from isoglot.core.language_sets import Tags, expanded
from isoglot.core.languages import language
from isoglot.core.scorers import PythonConfig
from isoglot.core.section import Section, validated
from isoglot.data.clean import CleanConfig
from isoglot.data.faults import FaultsConfig
from isoglot.data.filter import FilterConfig
from isoglot.data.generate import GenerateConfig
from isoglot.data.pair import PairConfig, check_chosen_language, check_reward
from isoglot.data.privilege import PrivilegeConfig, check_privilege
from isoglot.data.route import RouteConfig, check_route
from isoglot.data.score import ScoreConfig
from isoglot.models.load import PolicyConfig
from isoglot.models.member import (
    MemberConfig,
    PolicyMember,
    Serving,
    SourceMember,
    TranslatorMember,
    check_candidates,
    check_members,
    check_translators,
)
from isoglot.models.translation.prompted import PromptTranslatorConfig
from isoglot.recipe.loading import load_yaml, packaged
from isoglot.recipe.models import resolve_paths
from isoglot.recipe.overrides import set_all, set_key
from isoglot.recipe.sections import (
    EvaluateConfig,
    ExecuteConfig,
    IdentifierConfig,
    LangidConfig,
    LocalConfig,
    PromptsConfig,
)
from isoglot.train.launch import LaunchConfig
from isoglot.train.settings import TrainConfig


def _with_tags(keys: dict[str, Any]) -> dict[str, Any]:
    """Replace the names of language sets by tags: the record of a run names no set."""
    return {key: expanded(keys[key]) if key == "languages" else keys[key] for key in keys}


RoundKeys = Annotated[dict[str, Any], AfterValidator(_with_tags)]

_OF_ALL_ROUNDS = ("name", "description", "rounds", "policy", "seed", "evaluate", "unseen_languages")
"""Keys that a round cannot set for itself."""


class Recipe(Section):
    """A method: the parts of the line, and their settings."""

    name: str
    """Name of the run, of its folder (`runs/NAME`) and in every table."""
    description: str = ""
    """One sentence that `isoglot recipes` prints."""
    languages: Annotated[Tags, Field(min_length=1)]
    """Languages that are trained: BCP-47 tags, or sets of `isoglot languages --sets`; `-NAME`
    removes a tag or set."""
    unseen_languages: Tags = ()
    """Languages that are evaluated only, to measure transfer (`[xllms-100, -feedback-30]`)."""
    system: str = ""
    """System message before every prompt, in training and in evaluation."""
    dominant_language: str = "en"
    """The language in which the model is best: its answers are trusted and translated."""
    seed: int = Field(1, ge=0, lt=2**32)
    """Seed of the prompts, the bootstrap and the training; for sampling see
    `generate.sampling.seed`."""
    rounds: Annotated[int, Field(ge=1)] | Annotated[tuple[RoundKeys, ...], Field(min_length=1)] = 1
    """Number of rounds, or one entry per round with the keys that differ from the recipe
    (`{languages: […], train: {…}}`; `prompts.num_families` sets one key of a section)."""
    families_per_shard: int = Field(250, ge=1)
    """Families in one Parquet file; a killed run repeats at most one of them in each stage."""
    policy: PolicyConfig
    """The model that is improved, M0."""
    prompts: PromptsConfig
    """The prompts that the samplers complete."""
    samplers: tuple[MemberConfig, ...] = ()
    """The samplers that complete the prompts; default: the policy of the round alone."""
    generate: GenerateConfig = GenerateConfig()
    """Decoding of the completions."""
    translate: PromptTranslatorConfig | None = None
    """Prompt of a sampler that translates. With this section, and for `translated_vs_direct`, all
    answers are translated into and out of the dominant language; in a pool, only the answers of
    samplers with `answers_in: dominant`."""
    translator: (
        TranslatorMember | Annotated[tuple[TranslatorMember, ...], Field(min_length=1)] | None
    ) = None
    """The translator, or several; default: the policy of the round. The first one translates the
    prompts; each translates the answers into the languages that it serves."""
    identifier: IdentifierConfig = LangidConfig()
    """The language identifier of the answers."""
    faults: FaultsConfig | None = None
    """Makes shares of the answers wrong on purpose, for experiments on methods."""
    score: ScoreConfig | None = None
    """Rewards of the completions, for the methods that rank and for online training."""
    pair: PairConfig = PairConfig()
    """Choice of a better and a worse completion."""
    filter: FilterConfig = FilterConfig()
    """Filters that keep preferences out of training."""
    route: RouteConfig | None = None
    """Makes demonstrations instead of preferences, by the best generation route for each language;
    `train.method` is then sft."""
    clean: CleanConfig = CleanConfig()
    """Filters of the demonstrations of `route:`."""
    privilege: PrivilegeConfig | None = None
    """Makes contexts instead of preferences: the best answer in the dominant language, which a
    teacher reads beside each prompt in another one; `train.method` is then sdft."""
    train: TrainConfig | None = None
    """Without it, the run ends with the preferences or demonstrations. Methods rloo and grpo train
    on the prompts themselves: nothing is generated, paired and filtered before."""
    launch: LaunchConfig | None = None
    """Trains in several processes, with `accelerate launch`; default: in one."""
    evaluate: EvaluateConfig = EvaluateConfig()
    """Tasks that every policy, M0 among them, is evaluated on."""
    execute: ExecuteConfig = LocalConfig()
    """The executor of the stages; the rows do not depend on it."""

    @property
    def all_languages(self) -> tuple[str, ...]:
        """The trained languages, then those that are only evaluated."""
        return (*self.languages, *self.unseen_languages)

    @property
    def num_rounds(self) -> int:
        """Upper bound of the number of rounds."""
        return self.rounds if isinstance(self.rounds, int) else len(self.rounds)

    def of_round(self, round: int) -> "Recipe":
        """Return the recipe of one round: this one, with the keys that the round sets."""
        if isinstance(self.rounds, int):
            return self
        values = resolved(self) | {"rounds": 1}
        for key, value in self.rounds[round].items():
            set_key(values, key, value)
        return validated(Recipe, values, f"rounds.{round}")

    @property
    def different_rounds(self) -> tuple["Recipe", ...]:
        """The recipe of each round, or the single recipe of rounds that are all the same."""
        num = 1 if isinstance(self.rounds, int) else self.num_rounds
        return tuple(map(self.of_round, range(num)))

    @property
    def num_trainings(self) -> int:
        """Upper bound of the number of trained policies."""
        times = self.num_rounds // len(self.different_rounds)
        return times * sum(each.train is not None for each in self.different_rounds)

    def trained_languages(self, round: int) -> tuple[str, ...]:
        """The languages that M_round has been trained on since M0."""
        tags = (tag for earlier in range(round) for tag in self.of_round(earlier).languages)
        return tuple(dict.fromkeys(tags))

    @property
    def is_online(self) -> bool:
        """True if the policy learns from the rewards of its own completions, with no stage between
        prompts and training."""
        return self.train is not None and self.train.is_rewarded

    @property
    def makes_pairs(self) -> bool:
        """True if completions become preferences."""
        return not self.is_online and self.route is None and self.privilege is None

    @property
    def trained_on(self) -> tuple[str, ...]:
        """The languages of the rows that are trained on: with `privilege:` not the dominant one."""
        left_out = self.dominant_language if self.privilege else None
        return tuple(tag for tag in self.languages if tag != left_out)

    @property
    def pool(self) -> tuple[MemberConfig, ...]:
        """The samplers that complete the prompts."""
        return self.samplers or (PolicyMember(),)

    @property
    def models(self) -> tuple[Any, ...]:
        """The policy, and every other sampler and translator with a model."""
        others = [each for each in self.samplers if hasattr(each, "engine")]
        return (self.policy, *others, *self.translators)

    @property
    def translators(self) -> tuple[TranslatorMember, ...]:
        """The translators; none if the policy of the round translates."""
        given = self.translator
        return given if isinstance(given, tuple) else (given,) if given else ()

    @property
    def is_translated_pool(self) -> bool:
        """True if a sampler answers in the dominant language: only its answers are translated."""
        return any(member.answers_in == "dominant" for member in self.pool)

    @property
    def prompts_stage(self) -> str:
        """The name of the last stage that writes prompts."""
        if self.prompts.cross_lingual:
            return "cross_lingual"
        if self.prompts.transform:
            return "transform_prompts"
        return "translate_prompts" if self.prompts.translate_from else "prompts"

    @property
    def translates_answers(self) -> bool:
        """True if there is a translate stage."""
        return bool(self.translate or self.is_translated_pool or self._is_by_imbalance)

    @property
    def _is_by_imbalance(self) -> bool:
        return self.pair.method == "translated_vs_direct" and self.makes_pairs

    @property
    def _scorer_names(self) -> list[str]:
        return [scorer.name for scorer in self.score.scorers] if self.score else []

    @property
    def own_code(self) -> tuple[str, ...]:
        """The functions of the user's that reward completions, in any round."""
        scores = [each.score for each in self.different_rounds if each.score]
        paths = [s.path for score in scores for s in score.scorers if isinstance(s, PythonConfig)]
        return tuple(dict.fromkeys(paths))

    @property
    def planted(self) -> tuple[str, ...]:
        """The faults that are planted in answers, in any round."""
        return tuple(dict.fromkeys(str(r.faults) for r in self.different_rounds if r.faults))

    @property
    def translates_one_way(self) -> bool:
        """True if answers are only translated out of the dominant language, not into it."""
        return self.is_translated_pool or self.route is not None

    @property
    def translated_members(self) -> tuple[MemberConfig, ...]:
        """The samplers whose answers are translated."""
        if not self.translates_answers:
            return ()
        is_all = not self.is_translated_pool
        return tuple(each for each in self.pool if is_all or each.answers_in == "dominant")

    def translated_languages(self, place: int = 0) -> tuple[str, ...]:
        """The languages that the translator at this place must know."""
        is_for_prompts = place == 0 and self.prompts.translate_from
        serves = self.translators[place].serves if self.translators else Serving().serves
        if is_for_prompts or not self.is_translated_pool:
            return tuple(filter(serves, self.languages))
        members = self.translated_members
        tags = [tag for tag in self.languages if any(m.serves(tag) for m in members)]
        return tuple(filter(serves, tags))

    @field_validator("dominant_language")
    @classmethod
    def _tag(cls, tag: str) -> str:
        return language(tag).tag

    @field_validator("rounds", mode="before")
    @classmethod
    def _left_out(cls, rounds: Any) -> Any:
        """Remove the rounds that a study sets to null."""
        return [each for each in rounds if each is not None] if isinstance(rounds, list) else rounds

    @model_validator(mode="before")
    @classmethod
    def _paths_and_sampling(cls, values: Any) -> Any:
        """Replace each `path: lab:NAME` by the checkpoint in the package (`lab` alone is its
        policy), and complete the `sampling` of each sampler by `generate.sampling`."""
        values = resolve_paths(values)
        if not isinstance(values, dict) or not isinstance(values.get("samplers"), list):
            return values
        generate = values.get("generate")
        shared = generate.get("sampling") if isinstance(generate, dict) else None
        return {**values, "samplers": [_completed(each, shared) for each in values["samplers"]]}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if twice := set(self.languages) & set(self.unseen_languages):
            raise InputError(f"{min(twice)!r} is both in languages and unseen_languages; keep one")
        if not isinstance(self.rounds, int):
            self._check_rounds(self.rounds)
            return self
        self._training_consistent()
        if self._is_by_imbalance:
            if self.dominant_language not in self.languages:
                raise InputError(
                    f"dominant_language {self.dominant_language!r} is not among languages "
                    f"({', '.join(self.languages)}); add it"
                )
            self._has_translator("pair.method translated_vs_direct")
            if self.is_translated_pool:
                raise InputError(
                    "pair.method translated_vs_direct compares answers of one sampler: "
                    "`answers_in: dominant` is for the methods that rank, such as best_vs_worst"
                )
        if self.prompts.translate_from:
            self._has_translator("prompts.translate_from")
        self._languages_consistent()
        self._transform_consistent()
        self._pool_consistent()
        self._translators_consistent()
        if self.rounds > 1 and (self.train is None or self.prompts.num_families is None):
            raise InputError("rounds > 1 need `train:` and prompts.num_families (fresh prompts)")
        return self

    def _check_rounds(self, rounds: tuple[dict[str, Any], ...]) -> None:
        """Check each round as a recipe of its own, in languages that the whole recipe evaluates."""
        for index, keys in enumerate(rounds):
            if fixed := [key for key in _OF_ALL_ROUNDS if key in keys]:
                raise InputError(f"rounds.{index}: {fixed[0]!r} is the same in all; set it above")
            recipe = self.of_round(index)
            if recipe.train is None and index + 1 < len(rounds):
                raise InputError(f"rounds.{index} needs a `train:` section: another one follows")
            if others := set(recipe.languages) - set(self.all_languages):
                raise InputError(
                    f"rounds.{index}.languages: {min(others)!r} is not among the recipe's "
                    "`languages` and `unseen_languages`, which are evaluated; add it there"
                )

    def _languages_consistent(self) -> None:
        if self.prompts.cross_lingual and self.translates_answers and not self.is_online:
            raise InputError(
                "prompts.cross_lingual goes with answers that are not translated: use a "
                "pair.method that ranks, such as best_vs_worst, and no `answers_in: dominant`"
            )
        if self.makes_pairs:
            gates = self.score.gates if self.score and self.score.gate_reward is None else ()
            check_reward(self.pair, self._scorer_names)
            check_chosen_language(self.pair, self._scorer_names, gates)

    def _transform_consistent(self) -> None:
        """Check that nothing needs the answers of the prompts that a pass rewrites."""
        if not self.prompts.transform:
            return
        kinds = {scorer.kind for scorer in self.score.scorers} if self.score else set()
        fates = [each.gold for each in reversed(self.prompts.transform) if each.gold != "keep"]
        if "gold" in kinds and fates[:1] == ["drop"]:
            raise InputError(
                "score.scorers: gold needs the gold answers, which prompts.transform drops, since "
                "a rewritten prompt may have another answer; reward by agreement, a judge or a "
                "reward model, or set `gold: keep` for passes that change no answer, or agreed"
            )
        if any(isinstance(member, SourceMember) for member in self.pool):
            raise InputError(
                "samplers: kind source answers the prompts of the source, which prompts.transform "
                "rewrites; leave one of them out"
            )

    def _training_consistent(self) -> None:
        if self.launch and self.train is None:
            raise InputError("`launch:` needs a `train:` section; remove it or add one")
        if self.train and self.is_online and self.score is None:
            raise InputError(
                f"train.method {self.train.method} needs a `score:` section, whose reward it learns"
            )
        if self.train and self.train.choose and self.score is None:
            raise InputError("train.choose needs a `score:` section, whose reward it chooses by")
        method = self.train.method if self.train else None
        if self.faults and self.is_online:
            raise InputError(
                f"`faults:` plants wrong answers before training, and method {method} answers in "
                "training; leave it out"
            )
        if self.route and self.privilege:
            raise InputError("`route:` and `privilege:` both replace the pairs; leave one out")
        if self.route:
            check_route(self.route, method, self._scorer_names)
        if self.privilege:
            check_privilege(self.privilege, method, self._scorer_names)
            self._check_privileged()
        elif method == "sdft":
            raise InputError(
                "train.method sdft needs a `privilege:` section, which makes what its teacher "
                "reads (`privilege: {}`); add it"
            )

    def _check_privileged(self) -> None:
        """Check that there is one best answer in the dominant language, and one prompt to it."""
        dominant = self.dominant_language
        if dominant not in self.languages:
            raise InputError(
                f"dominant_language {dominant!r} is not among languages "
                f"({', '.join(self.languages)}), and `privilege:` shows its answers; add it"
            )
        if self.prompts.cross_lingual:
            raise InputError(
                "`privilege:` goes with prompts that are answered in their own language, got "
                "prompts.cross_lingual; leave one out"
            )
        members = [member for member in self.pool if member.serves(dominant)]
        nums = [
            (member.sampling or self.generate.sampling).num_samples
            for member in members
            if not isinstance(member, SourceMember)
        ]
        if self.score is None and (len(members) > 1 or max(nums, default=1) > 1):
            raise InputError(
                "`privilege:` shows the best of several answers, which needs a `score:` section; "
                "add it, or take one sampler and num_samples 1"
            )

    def _translators_consistent(self) -> None:
        is_for_prompts = self.prompts.translate_from is not None
        check_translators(self.translators, self.languages, is_for_prompts)
        engines = {translator.engine for translator in self.translators}
        if self.prompts.artefacts.min_log_probability is not None and engines != {"seq2seq"}:
            raise InputError(
                "prompts.artefacts.min_log_probability needs a `translator:` of engine seq2seq, "
                "which gives it; leave it out, or name one"
            )
        if len(self.translators) > 1 and (self._is_by_imbalance or not self.translates_answers):
            raise InputError(
                "several translators make several candidates for each prompt: use `route:`, or a "
                "pair.method that ranks, with a sampler that has `answers_in: dominant`"
            )

    def _has_translator(self, what: str) -> None:
        if self.translate is None and self.translator is None:
            raise InputError(
                f"{what} needs a `translate:` section (the policy translates) or a `translator:`"
            )

    def _pool_consistent(self) -> None:
        check_members(self.pool, self.languages, self.dominant_language)
        if self.is_translated_pool:
            self._has_translator("answers_in: dominant")
        if any(isinstance(member, SourceMember) for member in self.pool):
            self.prompts.check_completions()
        if self.route or self.privilege:
            return  # neither needs a second completion
        is_ranked = self.train and not self.is_online
        is_ranked = is_ranked or any(member.languages for member in self.samplers)
        if is_ranked and (self.is_translated_pool or not self.translates_answers):
            num = {tag: sum(t.serves(tag) for t in self.translators) or 1 for tag in self.languages}
            num[self.dominant_language] = 1
            num = {tag: num[tag] for tag in self.languages}
            check_candidates(self.pool, num, self.generate.sampling, self.pair.method)


def recipe_names() -> list[str]:
    """List the recipes in the package.

    Example:
        >>> "lidr-lab" in isoglot.recipe_names()
        True
    """
    return packaged("recipe")


def load_recipe(
    recipe: str | Path | Recipe, overrides: Sequence[str] | Mapping[str, Any] = ()
) -> Recipe:
    """Load the recipe of a file, or of the package by its name, and set some of its keys.

    `overrides` are `key=value` texts whose values are YAML, or keys with dots and their values.

    Example:
        >>> isoglot.load_recipe("lidr-lab", {"seed": 2, "prompts.num_families": 500}).seed
        2

    Raises:
        InputError: no such recipe, not YAML, an unknown key, a value out of its range.
    """
    if isinstance(recipe, Recipe) and not overrides:
        return recipe  # frozen, and valid already
    if isinstance(recipe, Recipe):
        name, values = recipe.name, resolved(recipe)
    else:
        name, values = str(recipe), load_yaml("recipe", str(recipe))
    set_all(values, overrides)
    return validated(Recipe, values, f"recipe {name}")


def resolved(recipe: Recipe) -> dict[str, Any]:
    """Return every key of a recipe with its value, as JSON values."""
    return json.loads(recipe.model_dump_json())


def _completed(sampler: Any, shared: Any) -> Any:
    own = sampler.get("sampling") if isinstance(sampler, dict) else None
    if not isinstance(own, dict) or not isinstance(shared, dict):
        return sampler
    return {**sampler, "sampling": {**shared, **own}}
