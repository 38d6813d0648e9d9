"""The line, counted and not run: the work of each stage, by model."""

from collections import Counter
from dataclasses import replace
from typing import Any

from isoglot.benchmarks.benchmark import BenchmarkConfig
from isoglot.benchmarks.catalogue import benchmark_of
from isoglot.benchmarks.examples import answering_of, choose, languages_of, read_examples
from isoglot.core.errors import InputError
from isoglot.core.protocols import Sampling
from isoglot.line.sources import OwnPrompts, PromptSelection
from isoglot.models.member import MemberConfig
from isoglot.models.translation.prompted import PromptTranslatorConfig
from isoglot.planning.engines import Engine, engine_of, reader_of
from isoglot.planning.pairing import answered, num_examples, num_samples, translations
from isoglot.planning.texts import (
    NOTHING,
    Asked,
    Ruler,
    Shape,
    Span,
    across,
    asked_prompts,
    assumed,
    measured,
    missing_files,
    translated,
)
from isoglot.planning.throughput import Throughput
from isoglot.planning.training import ONLINE_DEFAULTS, course_of, online_course_of, processes_of
from isoglot.planning.work import (
    Answers,
    Work,
    read_with_prompts,
    tokens_of,
)
from isoglot.recipe.recipe import Recipe
from isoglot.recipe.sections import EvaluationTask

DEDICATED = ("seq2seq", "google")
"""Kinds of translators that are given the text alone."""


class Counting:
    """The works of a recipe; `notes` says what was taken for granted on the way.

    Raises InputError for prompts that cannot be counted, and where a run would for those that can.
    """

    def __init__(self, recipe: Recipe, table: Throughput) -> None:
        self.recipe = recipe
        self.table = table
        self.works: list[Work] = []
        self.notes: list[str] = []
        self.judge_calls = 0
        """Of one comparison of two policies by `isoglot judge`, where a task needs one."""
        self._ruler = Ruler(recipe.policy.path, recipe.policy.revision, table)
        self._policy = engine_of(recipe.policy, table)
        self._rounds = recipe.num_rounds // len(recipe.different_rounds)
        for self.recipe in recipe.different_rounds:
            self._round()
        self.recipe = recipe
        for task in recipe.evaluate.all_tasks:
            self._evaluation(task)
        self._note_engines()

    def _round(self) -> None:
        """One round of the line, as `Line.run_round` has it."""
        recipe = self.recipe
        asked = self._prompts()
        if recipe.prompts.cross_lingual:
            asked = across(asked, recipe.prompts.cross_lingual, recipe.languages, recipe.samplers)
            self._add("cross_lingual", "prompts", asked.num, asked.exact)
        if recipe.is_online:
            self._online_training(asked)
            return
        answers = self._completions(asked)
        if recipe.translates_answers:
            answers += self._translations(asked)
        rows = sum(each.num for each in answers)
        self._scores("score", rows, read_with_prompts(asked, answers), asked.exact)
        num = sum(num_examples(recipe, shape) * each for shape, each in asked.shapes.items())
        if recipe.route:
            self._add("route", "demonstrations", num, False)
            self._add("clean", "demonstrations", num, False)
            self._training(asked, answers)
            return
        is_exact = recipe.pair.method == "translated_vs_direct" and asked.exact
        self._add("pair", "pairs", num, is_exact)
        self._add("filter", "pairs", num, False)
        self._training(asked, answers)

    def _add(self, stage: str, unit: str, num: int, exact: bool, **more: Any) -> None:
        self.works.append(Work(stage, unit, num, more.pop("times", self._rounds), exact, **more))

    def _prompts(self) -> Asked:
        recipe, config = self.recipe, self.recipe.prompts
        source = config.translate_from
        languages = (source,) if source else recipe.languages
        # Where families are lacking, it is the last round that lacks them.
        skip = (self._rounds - 1) * (config.num_families or 0)
        selection = PromptSelection(
            languages, config.num_families, recipe.seed, skip, config.parallel, recipe.system,
            recipe.families_per_shard,
        )  # fmt: skip
        given = self._asked("prompts", config.source, selection, route=source == "en")
        self._add("prompts", "prompts", given.num, given.exact)
        if source is None:
            return given
        asked = translated(given, recipe.languages, self.table)
        there = asked.tokens[source]
        into = Counter({tag: num for tag, num in asked.by_language.items() if tag != source})
        works = [(source, tag, num, Span(there, there)) for tag, num in into.items()]
        self._translating("translate_prompts", works, given.exact, given.num_turns)
        if config.artefacts.min_back_translation is not None:
            self.notes.append("back-translation asks the translator up to once more: not counted")
        return asked

    def _asked(
        self, stage: str, source: OwnPrompts, selection: PromptSelection, route: bool = False
    ) -> Asked:
        asked = asked_prompts(source, selection, self._ruler, self.table, route=route)
        for path in missing_files(source):
            self.notes.append(
                f"{stage}: {path} is not here; {selection.num_families} families of "
                f"{self.table.assumed.prompt_characters:g} characters in English are assumed"
            )
        return asked

    def _length(self, sampling: Sampling) -> Span:
        """Of one completion."""
        most = sampling.max_new_tokens
        return Span(most * self.table.assumed.typical_share, most)

    def _members(self) -> list[tuple[MemberConfig, Engine, Sampling]]:
        """Who answers, by what it runs on, and how it decodes."""
        shared = self.recipe.generate.sampling
        return [
            (
                member,
                self._policy if member.kind == "policy" else engine_of(member, self.table),
                member.sampling or shared,
            )
            for member in self.recipe.pool
        ]

    def _completions(self, asked: Asked) -> list[Answers]:
        answers = []
        for member, engine, sampling in self._members():
            length, n = self._length(sampling), num_samples(self.recipe, member)
            by_language: Counter[str] = Counter()
            for shape, num in asked.shapes.items():
                for tag, _ in answered(self.recipe, member, shape):
                    by_language[tag] += num * n
            num = by_language.total()
            read = sum(asked.tokens[tag] * each for tag, each in by_language.items())
            self._add(
                "generate", "completions", num, asked.exact, engine=engine,
                tokens_in=Span(read, read) if engine.writes else NOTHING,
                tokens_out=length.times(num) if engine.writes else NOTHING,
            )  # fmt: skip
            answers += [Answers(tag, each, length) for tag, each in by_language.items()]
        return answers

    def _translations(self, asked: Asked) -> list[Answers]:
        """Those of the answers, of which the ones that were cut off are not even tried."""
        answers = []
        for place in range(len(self.recipe.translators) or 1):
            works = []
            for member, _, sampling in self._members():
                found: Counter[tuple[str, str]] = Counter()
                for shape, num in asked.shapes.items():
                    for pair in translations(self.recipe, member, shape, place):
                        found[pair] += num * num_samples(self.recipe, member)
                length = self._length(sampling)
                works += [(source, target, num, length) for (source, target), num in found.items()]
            answers += self._translating("translate", works, asked.exact, place=place)
        return answers

    def _translating(
        self,
        stage: str,
        works: list[tuple[str, str, int, Span]],
        exact: bool,
        texts_each: float = 1.0,
        place: int = 0,
    ) -> list[Answers]:
        """Adds a stage that translates so many texts of a length from one language to another."""
        how = self.recipe.translate or PromptTranslatorConfig()
        other = self.recipe.translators[place] if self.recipe.translators else None
        engine = engine_of(other, self.table) if other else self._policy
        asks = other is None or other.kind not in DEDICATED
        template = self._ruler.tokens(how.template, "en") if asks else 0.0
        read, written, characters = NOTHING, NOTHING, NOTHING
        answers = []
        for source, target, num, length in works:
            grown = length.times(self.table.premium(target) / self.table.premium(source))
            most = how.sampling.max_new_tokens * texts_each if asks else grown.most
            out = Span(min(grown.typical, most), most)
            asked = template * texts_each
            read = read.plus(Span(length.typical + asked, length.most + asked).times(num))
            written = written.plus(out.times(num))
            characters = characters.plus(length.times(num * self.table.characters_of_token(source)))
            answers.append(Answers(target, num, out))
        num = sum(work[2] for work in works)
        self._add(
            stage, "translations", num, exact, engine=engine, tokens_in=read, tokens_out=written,
            characters=characters,
        )  # fmt: skip
        return answers

    def _scores(self, stage: str, num: int, read: Span, exact: bool) -> None:
        for scorer in self.recipe.score.scorers if self.recipe.score else ():
            engine = None
            if scorer.kind == "reward_model":
                engine = reader_of(scorer.path, self.table)
            self._add(
                stage, "scores", num, exact, engine=engine or Engine(scorer.name, None),
                tokens_in=read if engine else NOTHING,
            )  # fmt: skip

    def _held_out(self, asked: Asked) -> tuple[Asked, Asked]:
        """The prompts to train on, and those that are kept out of it to choose a checkpoint."""
        config = self.recipe.train
        left = config.choose.num_families if config and config.choose else 0
        held: Counter[Shape] = Counter()
        for shape, num in asked.shapes.most_common():
            held[shape] = min(num, left)
            left -= held[shape]
        if left:
            raise InputError(
                f"expected more families than train.choose keeps out of training, {left} are "
                "lacking; set train.choose.num_families lower or take more prompts"
            )
        return replace(asked, shapes=asked.shapes - held), replace(asked, shapes=held)

    def _checks(self, checked: Asked) -> None:
        """The answers of the policy in training, and their rewards."""
        config = self.recipe.train
        if config is None or config.choose is None:
            return
        times = config.choose.num_checks + 2
        length = self._length(Sampling(max_new_tokens=config.choose.max_new_tokens))
        num = checked.num * times
        self._add(
            "train", "answers", num, False, engine=self._policy,
            tokens_in=tokens_of(checked).times(times), tokens_out=length.times(num),
        )  # fmt: skip
        answers = [Answers(tag, k * times, length) for tag, k in checked.by_language.items()]
        self._scores("train", num, read_with_prompts(checked, answers), False)

    def _training(self, asked: Asked, answers: list[Answers]) -> None:
        config = self.recipe.train
        if config is None:
            return
        kept, checked = self._held_out(asked)
        num = sum(num_examples(self.recipe, shape) * each for shape, each in kept.shapes.items())
        course = course_of(config.num_examples(num), config.training, processes_of(self.recipe))
        rows = max(1, sum(each.num for each in answers))
        whole = read_with_prompts(asked, answers).times(1 / rows)
        most = config.training.get("max_length") or whole.most
        one = Span(min(whole.typical, most), min(whole.most, most))
        sides = 1 if config.method == "sft" else 2
        self._add(
            "train", "steps", course.num_steps, False, engine=self._policy.doing("train"),
            tokens_in=one.times(sides * course.num_examples),
        )  # fmt: skip
        self._checks(checked)

    def _online_training(self, asked: Asked) -> None:
        """Answers, their rewards and the steps that they serve, all in the train stage."""
        config = self.recipe.train
        assert config is not None
        get = {**ONLINE_DEFAULTS, **config.training}
        asked, checked = self._held_out(asked)
        course = online_course_of(asked.num, config.training, processes_of(self.recipe))
        length = self._length(Sampling(max_new_tokens=get["max_completion_length"]))
        num = course.num_completions
        each_once = [Answers(tag, k, length) for tag, k in asked.by_language.items()]
        whole = read_with_prompts(asked, each_once).times(num / asked.num)
        writer = "generate.vllm" if get["use_vllm"] else "generate.transformers"
        self._add(  # what it wrote is read once more: how likely it was
            "train", "completions", num, asked.exact, engine=self._policy.doing(writer),
            tokens_in=tokens_of(asked).times(num / asked.num).plus(whole),
            tokens_out=length.times(num),
        )  # fmt: skip
        self._scores("train", num, whole, asked.exact)
        self._add(
            "train", "steps", course.num_steps, asked.exact, engine=self._policy.doing("train"),
            tokens_in=whole.times(course.num_examples / max(1, num)),
        )  # fmt: skip
        self._checks(checked)

    def _evaluation(self, task: EvaluationTask) -> None:
        stage = f"evaluate/{task.name}"
        found = self._questions(stage, task)
        if found is None:
            return
        asked, turns = found
        num, length = asked.num, self._length(task.decoding)
        times = 1 + self.recipe.num_trainings
        benchmark = task.prompts if isinstance(task.prompts, BenchmarkConfig) else None
        if benchmark and answering_of(benchmark) == "likelihood":
            engine, length = self._policy.doing("read"), NOTHING
        else:
            engine = self._policy
        # Each later turn reads what was said before it.
        said = length.times(num * turns * (turns - 1) / 2)
        self._add(
            stage, "answers", round(num * turns), asked.exact, times=times, engine=engine,
            tokens_in=tokens_of(asked).times(turns).plus(said),
            tokens_out=length.times(num * turns),
        )  # fmt: skip
        if benchmark and benchmark_of(benchmark.benchmark).judged:
            self.judge_calls += 2 * num

    def _questions(self, stage: str, task: EvaluationTask) -> tuple[Asked, float] | None:
        """The questions of a task and their turns; None where nothing says how many there are."""
        recipe, source = self.recipe, task.prompts
        if not isinstance(source, BenchmarkConfig):
            selection = PromptSelection(
                recipe.all_languages, task.num_families, recipe.seed, system=recipe.system,
                families_per_shard=recipe.families_per_shard,
            )  # fmt: skip
            asked = self._asked(stage, source, selection)
            if task.cross_lingual:
                asked = across(asked, task.cross_lingual, selection.languages)
            return asked, 1.0
        if source.data is not None and source.data.expanduser().exists():
            return self._read_questions(task, source)
        languages = languages_of(source, recipe.all_languages)
        if task.num_families is None:
            self.notes.append(
                f"{stage}: its rows are not here and num_families is not set: not counted"
            )
            return None
        self.notes.append(f"{stage}: its rows are not here; num_families is the most there can be")
        return assumed(languages, task.num_families, self.table), 1.0

    def _read_questions(self, task: EvaluationTask, source: BenchmarkConfig) -> tuple[Asked, float]:
        recipe = self.recipe
        examples = read_examples(source, recipe.all_languages).examples
        shards = choose(examples, task.num_families, recipe.families_per_shard, seed=recipe.seed)
        chosen = [example for shard in shards for example in shard]
        turns = sum(1 + len(example.follow_ups) for example in chosen) / max(1, len(chosen))
        prompts = [example.prompt for example in chosen]
        return measured(prompts, self._ruler, recipe.system), turns

    def _note_engines(self) -> None:
        engines = {work.engine for work in self.works if work.engine}
        for name in sorted({each.name for each in engines if not each.is_sized}):
            self.notes.append(
                f"{name}: neither its name nor its files say how large it is; "
                f"{self.table.assumed.model_billions:g} billion weights are assumed"
            )
        for name in sorted({each.name for each in engines if each.usd_per_million_in is None}):
            self.notes.append(f"{name}: the recipe has no prices for it, so its cost is unknown")
        if not self._ruler.by_tokenizer:
            self.notes.append(
                f"tokens: the tokenizer of {self.recipe.policy.path} is not here; they are counted "
                "by characters, with a number of our own for each script"
            )
