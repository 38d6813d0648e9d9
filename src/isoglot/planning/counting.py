"""The table of stages, counted and not run: the work of each stage, by model."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil
from typing import Any

from isoglot.benchmarks.catalogue import AnyBenchmark, configured
from isoglot.benchmarks.examples import (
    answering_of,
    available_languages,
    read_examples,
    select_examples,
)
from isoglot.benchmarks.own import OwnBenchmarkConfig
from isoglot.core.day import day
from isoglot.core.errors import InputError
from isoglot.core.protocols import Sampling
from isoglot.line.sources import (
    OwnPrompts,
    PromptSelection,
    evaluation_selection,
    round_selection,
)
from isoglot.line.stages import STAGES
from isoglot.models.member import MemberConfig, PolicyMember
from isoglot.models.translation.prompted import PromptTranslatorConfig
from isoglot.planning.engines import Engine, engine_of
from isoglot.planning.pairing import answered, num_examples, num_samples, translations
from isoglot.planning.prompts import (
    PromptCounts,
    Shape,
    TokenCounter,
    assume_prompts,
    count_cross_lingual,
    count_prompts,
    count_translated,
    measure_prompts,
    missing_files,
    without_language,
)
from isoglot.planning.scoring import Scored, scorer_works
from isoglot.planning.throughput import Throughput
from isoglot.planning.training import ONLINE_DEFAULTS, course_of, online_course_of
from isoglot.planning.work import CompletionCounts, Work, read_with_prompts, tokens_of
from isoglot.recipe.recipe import Recipe
from isoglot.recipe.sections import EvaluationTask
from isoglot.report.results.plan import Amount
from isoglot.train.launch import num_processes_of
from isoglot.train.memory import DEFAULT_LENGTH

_DEDICATED = ("seq2seq", "google")
"""Kinds of translators that get the text alone, without a prompt around it."""


class Counting:
    """The works of a recipe, and notes on the assumptions behind them.

    Raises InputError if the prompts cannot be counted, or a run would refuse them.
    """

    def __init__(self, recipe: Recipe, table: Throughput) -> None:
        self.recipe = recipe
        self.table = table
        self.works: list[Work] = []
        self.notes: list[str] = []
        self.judge_calls = 0
        """Calls of one comparison of two policies by `isoglot judge`, over all judged tasks."""
        self._tokens = TokenCounter(recipe.policy.path, recipe.policy.revision, table)
        self._policy = engine_of(recipe.policy, table)
        self._rounds = recipe.num_rounds // len(recipe.different_rounds)
        self._prompts: PromptCounts
        """The prompts of the round so far."""
        self._completions: list[CompletionCounts] = []
        """The completions of the round so far."""
        for self.recipe in recipe.different_rounds:
            self._completions = []
            for stage in STAGES:
                if stage.applies(self.recipe):
                    COUNTERS[stage.name](self)
        self.recipe = recipe
        for task in recipe.evaluate.all_tasks:
            self.count_evaluation(task)
        self._note_engines()

    def _add(self, stage: str, unit: str, num: int, exact: bool, **more: Any) -> None:
        self.works.append(Work(stage, unit, num, more.pop("times", self._rounds), exact, **more))

    def count_source(self) -> None:
        """Count the prompts of the source."""
        config = self.recipe.prompts
        # If families run out, they do so in the last round.
        selection = round_selection(self.recipe, self._rounds - 1)
        exclude = config.translate_from == "en"
        self._prompts = self._count("prompts", config.source, selection, exclude)
        self._add("prompts", "prompts", self._prompts.num, self._prompts.exact)

    def count_prompt_translations(self) -> None:
        """Count the translations of the prompts into the other languages."""
        recipe, given = self.recipe, self._prompts
        source = recipe.prompts.translate_from
        assert source is not None
        self._prompts = count_translated(given, recipe.languages, self.table)
        length = Amount(self._prompts.tokens[source], self._prompts.tokens[source])
        works = [
            (source, tag, num, length)
            for tag, num in self._prompts.by_language.items()
            if tag != source
        ]
        self._translate("translate_prompts", works, given.exact, given.num_turns)
        if recipe.prompts.artefacts.min_back_translation is not None:
            self.notes.append("back-translation asks the translator up to once more: not counted")

    def count_transforms(self) -> None:
        """Count the prompts that each pass rewrites, as long as they were, and keeps at most."""
        for each in self.recipe.prompts.transform:
            engine = engine_of(each.sampler, self.table) if each.sampler else self._policy
            num, most = self._prompts.num, each.sampling.max_new_tokens
            read = tokens_of(self._prompts)
            template = self._tokens.tokens(each.template, "en") * num
            tokens = {
                "tokens_in": read.plus(Amount(template, template)),
                "tokens_out": Amount(min(read.typical, most * num), most * num),
            }
            self._prompts = replace(self._prompts, exact=False)
            self._add("transform_prompts", "prompts", num, False, engine=engine, **tokens)
            if each.agreement:
                sampling = each.agreement.sampling
                answers = num * sampling.num_samples
                tokens = {
                    "tokens_in": read.times(sampling.num_samples),
                    "tokens_out": self._length(sampling).times(answers),
                }
                self._add("transform_prompts", "answers", answers, False, engine=engine, **tokens)

    def count_across_languages(self) -> None:
        """Count the prompts that request an answer in another language."""
        recipe, config = self.recipe, self.recipe.prompts.cross_lingual
        assert config is not None
        self._prompts = count_cross_lingual(
            self._prompts, config, recipe.languages, recipe.samplers
        )
        self._add("cross_lingual", "prompts", self._prompts.num, self._prompts.exact)

    def count_completions(self) -> None:
        """Count the completions of each sampler."""
        prompts = self._prompts
        for member, engine, sampling in self._members():
            length, num_each = self._length(sampling), num_samples(self.recipe, member)
            by_language: Counter[str] = Counter()
            for shape, num in prompts.shapes.items():
                for tag, _ in answered(self.recipe, member, shape):
                    by_language[tag] += num * num_each
            num = by_language.total()
            tokens = {}
            if engine.writes:
                read = sum(prompts.tokens[tag] * each for tag, each in by_language.items())
                tokens = {"tokens_in": Amount(read, read), "tokens_out": length.times(num)}
            self._add("generate", "completions", num, prompts.exact, engine=engine, **tokens)
            self._completions += [
                CompletionCounts(tag, each, length) for tag, each in by_language.items()
            ]

    def count_translations(self) -> None:
        """Count the translations of the completions; those that were cut off are not tried."""
        for place in range(len(self.recipe.translators) or 1):
            works = []
            for member, _, sampling in self._members():
                counts: Counter[tuple[str, str]] = Counter()
                for shape, num in self._prompts.shapes.items():
                    for pair in translations(self.recipe, member, shape, place):
                        counts[pair] += num * num_samples(self.recipe, member)
                length = self._length(sampling)
                works += [(source, target, num, length) for (source, target), num in counts.items()]
            self._completions += self._translate(
                "translate", works, self._prompts.exact, place=place
            )

    def count_planted(self) -> None:
        """Count the answers among which wrong ones are planted: all of them."""
        num = sum(each.num for each in self._completions)
        self._add("plant", "completions", num, self._prompts.exact)

    def count_scores(self) -> None:
        """Count the rewards of all completions."""
        answers: Counter[str] = Counter()
        for tag, num, _ in self._completions:
            answers[tag] += num
        prompts = self._prompts.by_language
        pairs = sum(num * (num / prompts[tag] - 1) for tag, num in answers.items())
        read = read_with_prompts(self._prompts, self._completions)
        self._score("score", Scored(answers.total(), read, round(pairs), self._prompts.exact))

    def count_pairs(self) -> None:
        """Count the pairs: exactly by imbalance, as an upper bound for methods that rank."""
        is_exact = self.recipe.pair.method == "translated_vs_direct" and self._prompts.exact
        is_exact = is_exact and not self.recipe.pair.spliced
        self._add("pair", "pairs", self._num_examples(self._prompts), is_exact)

    def count_at_most(self, stage: str, unit: str) -> None:
        """Count the pairs, demonstrations or contexts that a stage makes or keeps at most."""
        self._add(stage, unit, self._num_examples(self._prompts), False)

    def count_training(self) -> None:
        """Count the steps of the training, and the completions that it makes itself."""
        config = self.recipe.train
        assert config is not None
        if config.is_online:
            self._count_online_training()
            return
        kept, held_out = self._held_out()
        num_rows = config.num_examples(self._num_examples(kept))
        course = course_of(num_rows, config.training, num_processes_of(self.recipe.launch))
        num = max(1, sum(each.num for each in self._completions))
        whole = read_with_prompts(self._prompts, self._completions).times(1 / num)
        most = config.training.get("max_length", DEFAULT_LENGTH) or whole.most
        one = Amount(min(whole.typical, most), min(whole.most, most))
        engine, sides = self._policy.doing("train"), 1 if config.method == "sft" else 2
        read = one.times(sides * course.num_examples)
        self._add("train", "steps", course.num_steps, False, engine=engine, tokens_in=read)
        self._count_checks(held_out)

    def _count_online_training(self) -> None:
        """Completions, their rewards and the steps that they serve, all in the train stage.

        A teacher reads each completion once more in every step, after prompt, dominant prompt and
        answer.
        """
        config = self.recipe.train
        assert config is not None
        arguments = {**ONLINE_DEFAULTS, **config.training}
        prompts, held_out = self._held_out()
        if self.recipe.privilege:
            prompts = without_language(prompts, self.recipe.dominant_language)
        course = online_course_of(prompts.num, config, num_processes_of(self.recipe.launch))
        length = self._length(Sampling(max_new_tokens=arguments["max_completion_length"]))
        num = course.num_completions
        each_once = [CompletionCounts(tag, k, length) for tag, k in prompts.by_language.items()]
        whole = read_with_prompts(prompts, each_once).times(num / prompts.num)
        writer = "generate.vllm" if arguments["use_vllm"] else "generate.transformers"
        # Each completion is read once more, for its likelihood.
        read = tokens_of(prompts).times(num / prompts.num).plus(whole)
        tokens = {"tokens_in": read, "tokens_out": length.times(num)}
        engine = self._policy.doing(writer)
        self._add("train", "completions", num, prompts.exact, engine=engine, **tokens)
        if config.is_rewarded:
            pairs = num * (config.num_generations - 1)
            self._score("train", Scored(num, whole, pairs, prompts.exact))
        engine, read = self._policy.doing("train"), whole.times(course.num_examples / max(1, num))
        self._add("train", "steps", course.num_steps, prompts.exact, engine=engine, tokens_in=read)
        if self.recipe.privilege:
            context = self._length(self.recipe.generate.sampling)
            each = prompts.tokens.get(self.recipe.dominant_language, 0.0)
            shown = context.plus(Amount(each, each)).times(course.num_examples)
            engine = self._policy.doing("read")
            num_read = round(course.num_examples)
            self._add(
                "train", "contexts", num_read, False, engine=engine, tokens_in=read.plus(shown)
            )
        self._count_checks(held_out)

    def count_evaluation(self, task: EvaluationTask) -> None:
        """Count the answers of every policy to one task."""
        stage = f"evaluate/{task.name}"
        found = self._examples(stage, task)
        if found is None:
            return
        prompts, turns = found
        num, length = prompts.num, self._length(task.decoding)
        benchmark = task.prompts if isinstance(task.prompts, AnyBenchmark) else None
        engine = self._policy
        if benchmark and answering_of(benchmark) == "likelihood":
            engine, length = self._policy.doing("read"), Amount()
        # Each later turn reads the turns before it.
        earlier = length.times(num * turns * (turns - 1) / 2)
        read, written = tokens_of(prompts).times(turns).plus(earlier), length.times(num * turns)
        tokens = {"tokens_in": read, "tokens_out": written}
        num_all, times = round(num * turns), 1 + self.recipe.num_trainings
        self._add(stage, "answers", num_all, prompts.exact, times=times, engine=engine, **tokens)
        if benchmark and configured(benchmark).judged:
            self.judge_calls += 2 * num

    def _count(
        self, stage: str, source: OwnPrompts, selection: PromptSelection, exclude: bool = False
    ) -> PromptCounts:
        for path in missing_files(source) if selection.num_families is not None else ():
            self.notes.append(
                f"{stage}: {path} is not here; {selection.num_families} families of "
                f"{self.table.assumed.prompt_characters:g} characters in English are assumed"
            )
        return count_prompts(source, selection, self._tokens, self.table, exclude=exclude)

    def _length(self, sampling: Sampling) -> Amount:
        """The length of one completion."""
        most = sampling.max_new_tokens
        return Amount(most * self.table.assumed.typical_share, most)

    def _members(self) -> list[tuple[MemberConfig, Engine, Sampling]]:
        """The samplers of the pool, with their engine and decoding."""
        members = []
        for member in self.recipe.pool:
            engine = (
                self._policy if isinstance(member, PolicyMember) else engine_of(member, self.table)
            )
            members.append((member, engine, member.sampling or self.recipe.generate.sampling))
        return members

    def _num_examples(self, prompts: PromptCounts) -> int:
        num = sum(num_examples(self.recipe, shape) * n for shape, n in prompts.shapes.items())
        return num + (ceil(num * self.recipe.pair.spliced) if self.recipe.makes_pairs else 0)

    def _translate(
        self,
        stage: str,
        works: list[tuple[str, str, int, Amount]],
        exact: bool,
        texts_each: float = 1.0,
        place: int = 0,
    ) -> list[CompletionCounts]:
        """Add a translating stage: source, target, number and length of the texts of each work."""
        config = self.recipe.translate or PromptTranslatorConfig()
        other = self.recipe.translators[place] if self.recipe.translators else None
        engine = engine_of(other, self.table) if other else self._policy
        is_prompted = other is None or other.engine not in _DEDICATED
        template = self._tokens.tokens(config.template, "en") if is_prompted else 0.0
        read, written, characters = Amount(), Amount(), Amount()
        counts = []
        for source, target, num, length in works:
            grown = length.times(self.table.premium(target) / self.table.premium(source))
            most = config.sampling.max_new_tokens * texts_each if is_prompted else grown.most
            out = Amount(min(grown.typical, most), most)
            prompt = template * texts_each
            read = read.plus(Amount(length.typical + prompt, length.most + prompt).times(num))
            written = written.plus(out.times(num))
            characters = characters.plus(length.times(num * self.table.characters_of_token(source)))
            counts.append(CompletionCounts(target, num, out))
        tokens = {"tokens_in": read, "tokens_out": written, "characters": characters}
        num = sum(each.num for each in counts)
        self._add(stage, "translations", num, exact, engine=engine, **tokens)
        return counts

    def _score(self, stage: str, scored: Scored) -> None:
        for scorer in self.recipe.score.scorers if self.recipe.score else ():
            path = self.recipe.policy.path
            for work in scorer_works(scorer, scored, path, self._tokens, self.table):
                tokens = {"tokens_in": work.tokens_in, "tokens_out": work.tokens_out}
                self._add(stage, work.unit, work.num, work.is_exact, engine=work.engine, **tokens)

    def _held_out(self) -> tuple[PromptCounts, PromptCounts]:
        """Split off the prompts that are held out of training to select a checkpoint."""
        config = self.recipe.train
        left = config.choose.num_families if config and config.choose else 0
        held: Counter[Shape] = Counter()
        for shape, num in self._prompts.shapes.most_common():
            held[shape] = min(num, left)
            left -= held[shape]
        if left:
            raise InputError(
                f"expected more families than train.choose keeps out of training, {left} are "
                "lacking; set train.choose.num_families lower or take more prompts"
            )
        kept = replace(self._prompts, shapes=self._prompts.shapes - held)
        return kept, replace(self._prompts, shapes=held)

    def _count_checks(self, held_out: PromptCounts) -> None:
        """Count the completions of the policy in training, and their rewards."""
        config = self.recipe.train
        if config is None or config.choose is None:
            return
        times = config.choose.num_checks + 2
        length = self._length(Sampling(max_new_tokens=config.choose.max_new_tokens))
        num, by_language = held_out.num * times, held_out.by_language
        tokens = {"tokens_in": tokens_of(held_out).times(times), "tokens_out": length.times(num)}
        self._add("train", "answers", num, False, engine=self._policy, **tokens)
        counts = [CompletionCounts(tag, k * times, length) for tag, k in by_language.items()]
        self._score("train", Scored(num, read_with_prompts(held_out, counts), 0, False))

    def _examples(self, stage: str, task: EvaluationTask) -> tuple[PromptCounts, float] | None:
        """The examples of a task and their mean turns; None if nothing gives their number."""
        recipe, source = self.recipe, task.prompts
        if not isinstance(source, AnyBenchmark):
            selection = evaluation_selection(recipe, task, recipe.all_languages)
            prompts = self._count(stage, source, selection)
            if task.cross_lingual:
                prompts = count_cross_lingual(prompts, task.cross_lingual, recipe.all_languages)
            return prompts, 1.0
        is_own = isinstance(source, OwnBenchmarkConfig)
        data = None if isinstance(source, OwnBenchmarkConfig) else source.data
        if is_own or (data is not None and data.expanduser().exists()):
            examples = read_examples(source, recipe.all_languages).examples
            shards = select_examples(
                examples, task.num_families, recipe.families_per_shard, seed=recipe.seed
            )
            selected = [example for shard in shards for example in shard]
            turns = sum(1 + len(each.follow_ups) for each in selected) / max(1, len(selected))
            rows = [each.prompt for each in selected]
            return measure_prompts(rows, self._tokens, recipe.system), turns
        languages = available_languages(source, recipe.all_languages)
        if task.num_families is None:
            self.notes.append(
                f"{stage}: its rows are not here and num_families is not set: not counted"
            )
            return None
        self.notes.append(f"{stage}: its rows are not here; num_families is the most there can be")
        return assume_prompts(languages, task.num_families, self.table), 1.0

    def _note_engines(self) -> None:
        self.notes += [
            f"{path}: CODE OF YOUR OWN, which a run executes" for path in self.recipe.own_code
        ]
        self.notes += [f"wrong numbers are planted: {each}" for each in self.recipe.planted]
        engines = {work.engine for work in self.works if work.engine}
        for name in sorted({each.name for each in engines if not each.is_sized}):
            self.notes.append(
                f"{name}: neither its name nor its files say how large it is; "
                f"{self.table.assumed.model_billions:g} billion weights are assumed"
            )
        for name in sorted({each.name for each in engines if each.usd_per_million_in is None}):
            self.notes.append(f"{name}: the recipe has no prices for it, so its cost is unknown")
        if self._tokens.is_dated:
            self.notes.append(
                f"{self.recipe.policy.path}: its chat template writes the date into every prompt, "
                f"{day()} of a run that begins today, also if it is resumed"
            )
        if not self._tokens.by_tokenizer:
            self.notes.append(
                f"tokens: the tokenizer of {self.recipe.policy.path} is not here; they are counted "
                "by characters, with a number of our own for each script"
            )


COUNTERS: Mapping[str, Callable[[Counting], None]] = {
    "prompts": Counting.count_source,
    "translate_prompts": Counting.count_prompt_translations,
    "transform_prompts": Counting.count_transforms,
    "cross_lingual": Counting.count_across_languages,
    "generate": Counting.count_completions,
    "translate": Counting.count_translations,
    "plant": Counting.count_planted,
    "score": Counting.count_scores,
    "pair": Counting.count_pairs,
    "filter": lambda counting: counting.count_at_most("filter", "pairs"),
    "route": lambda counting: counting.count_at_most("route", "demonstrations"),
    "clean": lambda counting: counting.count_at_most("clean", "demonstrations"),
    "privilege": lambda counting: counting.count_at_most("privilege", "contexts"),
    "train": Counting.count_training,
}
"""The counter of each stage of the table; `evaluate` is counted for each task of the recipe."""
