"""What each stage of a run asks of which model: the line of `pipeline.py`, counted and not run."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

from isoglot.config import EvaluationTask, Recipe
from isoglot.evals.benchmark import BenchmarkConfig
from isoglot.evals.benchmarks import benchmark_of
from isoglot.evals.examples import answering_of, languages_of, read_examples
from isoglot.models.protocols import Sampling
from isoglot.planning.engines import Engine, engine_of, reader_of
from isoglot.planning.pairing import num_pairs, translations
from isoglot.planning.texts import (
    Asked,
    Ruler,
    asked_prompts,
    assumed,
    measured,
    missing_files,
    translated,
)
from isoglot.planning.throughput import Throughput
from isoglot.planning.training import examples_of, num_steps
from isoglot.prompting import OwnPrompts, Wanted


class Span(NamedTuple):
    """Tokens as they typically are, and the most that there can be."""

    typical: float = 0.0
    most: float = 0.0

    def plus(self, other: "Span") -> "Span":
        """The sum of both."""
        return Span(self.typical + other.typical, self.most + other.most)

    def times(self, factor: float) -> "Span":
        """So many texts of this length."""
        return Span(self.typical * factor, self.most * factor)


NOTHING = Span()


@dataclass(frozen=True, slots=True)
class Work:
    """What one stage asks of one model in one round."""

    stage: str
    """As in the run's folder, below `round-t/`."""
    unit: str
    num: int
    times: int
    """Rounds that have it, if none stops early."""
    exact: bool
    """Whether a run counts just as many; else that is the most."""
    engine: Engine | None = None
    tokens_in: Span = NOTHING
    """Read, or trained on."""
    tokens_out: Span = NOTHING
    """Written."""
    characters: Span = NOTHING
    """Read, by what is paid by the character."""


class _Answers(NamedTuple):
    """Completions to the prompts of one language, and the length of each in tokens."""

    language: str
    num: int
    tokens: Span


class Counting:
    """The works of a recipe; `notes` says what was taken for granted on the way.

    Raises ValueError for prompts that cannot be counted, and where a run would for those that can.
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
        self._rounds = recipe.rounds if recipe.train else 1
        self._round()
        for task in recipe.evaluate.all_tasks:
            self._evaluation(task)
        self._note_engines()

    def _round(self) -> None:
        """One round of the line, as `Line.run_round` has it."""
        asked = self._prompts()
        answers = self._completions(asked)
        if self.recipe.translate:
            answers += self._translations(asked)
        self._scores(asked, answers)
        num, is_exact = num_pairs(self.recipe, asked.shapes)
        self._add("pair", "pairs", num, is_exact and asked.exact)
        self._add("filter", "pairs", num, False)
        self._training(asked, answers, num)

    def _add(self, stage: str, unit: str, num: int, exact: bool, **more: Any) -> None:
        self.works.append(Work(stage, unit, num, more.pop("times", self._rounds), exact, **more))

    def _prompts(self) -> Asked:
        recipe, config = self.recipe, self.recipe.prompts
        source = config.translate_from
        languages = (source,) if source else recipe.languages
        # Where families are lacking, it is the last round that lacks them.
        skip = (self._rounds - 1) * (config.num_families or 0)
        wanted = Wanted(
            languages, config.num_families, recipe.seed, skip, config.parallel, recipe.system,
            recipe.families_per_shard,
        )  # fmt: skip
        given = self._asked("prompts", config.source, wanted, route=source == "en")
        self._add("prompts", "prompts", given.num, given.exact)
        if source is None:
            return given
        asked = translated(given, recipe.languages, self.table)
        there = asked.tokens[source]
        into = Counter({tag: num for tag, num in asked.by_language.items() if tag != source})
        works = [(source, tag, num, Span(there, there)) for tag, num in into.items()]
        self._translating("translate_prompts", works, given.exact, given.num_turns)
        return asked

    def _asked(self, stage: str, source: OwnPrompts, wanted: Wanted, route: bool = False) -> Asked:
        asked = asked_prompts(source, wanted, self._ruler, self.table, route=route)
        for path in missing_files(source):
            self.notes.append(
                f"{stage}: {path} is not here; {wanted.num_families} families of "
                f"{self.table.assumed.prompt_characters:g} characters in English are assumed"
            )
        return asked

    def _length(self, sampling: Sampling) -> Span:
        """Of one completion."""
        most = sampling.max_new_tokens
        return Span(most * self.table.assumed.typical_share, most)

    def _completions(self, asked: Asked) -> list[_Answers]:
        sampling = self.recipe.generate.sampling
        length, n = self._length(sampling), sampling.num_samples
        samplers = [engine_of(each, self.table) for each in self.recipe.samplers]
        answers = []
        for engine in samplers or [self._policy]:
            num = asked.num * n
            read, written = _tokens_of(asked).times(n), length.times(num)
            self._add(
                "generate", "completions", num, asked.exact, engine=engine,
                tokens_in=read if engine.writes else NOTHING,
                tokens_out=written if engine.writes else NOTHING,
            )  # fmt: skip
            answers += [_Answers(tag, k * n, length) for tag, k in asked.by_language.items()]
        return answers

    def _translations(self, asked: Asked) -> list[_Answers]:
        """Those of the answers, of which the ones that were cut off are not even tried."""
        recipe = self.recipe
        sampling = recipe.generate.sampling
        each = sampling.num_samples * (len(recipe.samplers) or 1)
        length = self._length(sampling)
        found = translations(asked.shapes, recipe.dominant_language, recipe.languages)
        works = [(source, target, num * each, length) for (source, target), num in found.items()]
        return self._translating("translate", works, asked.exact)

    def _translating(
        self,
        stage: str,
        works: list[tuple[str, str, int, Span]],
        exact: bool,
        texts_each: float = 1.0,
    ) -> list[_Answers]:
        """Adds a stage that translates so many texts of a length from one language to another."""
        how = self.recipe.translate
        assert how is not None
        other = self.recipe.translator
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
            answers.append(_Answers(target, num, out))
        num = sum(work[2] for work in works)
        self._add(
            stage, "translations", num, exact, engine=engine, tokens_in=read, tokens_out=written,
            characters=characters,
        )  # fmt: skip
        return answers

    def _scores(self, asked: Asked, answers: list[_Answers]) -> None:
        read = _read_with_prompts(asked, answers)
        num = sum(each.num for each in answers)
        for scorer in self.recipe.score.scorers if self.recipe.score else ():
            engine = None
            if scorer.kind == "reward_model":
                engine = reader_of(scorer.path, self.table)
            self._add(
                "score", "scores", num, asked.exact, engine=engine or Engine(scorer.name, None),
                tokens_in=read if engine else NOTHING,
            )  # fmt: skip

    def _training(self, asked: Asked, answers: list[_Answers], num: int) -> None:
        config = self.recipe.train
        if config is None:
            return
        sides = 1 if config.method == "sft" else 2
        rows = max(1, sum(each.num for each in answers))
        whole = _read_with_prompts(asked, answers).times(1 / rows)
        most = config.training.get("max_length") or whole.most
        one = Span(min(whole.typical, most), min(whole.most, most))
        steps = num_steps(num, config.training)
        tokens = one.times(sides * examples_of(steps, num, config.training))
        engine = self._policy.doing("train")
        self._add("train", "steps", steps, False, engine=engine, tokens_in=tokens)

    def _evaluation(self, task: EvaluationTask) -> None:
        stage = f"evaluate/{task.name}"
        found = self._questions(stage, task)
        if found is None:
            return
        asked, turns = found
        num = asked.num
        length = self._length(task.decoding)
        times = self._rounds + 1 if self.recipe.train else 1
        benchmark = task.prompts if isinstance(task.prompts, BenchmarkConfig) else None
        if benchmark and answering_of(benchmark) == "likelihood":
            engine, length = self._policy.doing("read"), NOTHING
        else:
            engine = self._policy
        # Each later turn reads what was said before it.
        said = length.times(num * turns * (turns - 1) / 2)
        self._add(
            stage, "answers", round(num * turns), asked.exact, times=times, engine=engine,
            tokens_in=_tokens_of(asked).times(turns).plus(said),
            tokens_out=length.times(num * turns),
        )  # fmt: skip
        if benchmark and benchmark_of(benchmark.benchmark).judged:
            self.judge_calls += 2 * num

    def _questions(self, stage: str, task: EvaluationTask) -> tuple[Asked, float] | None:
        """The questions of a task and their turns; None where nothing says how many there are."""
        recipe, source = self.recipe, task.prompts
        if not isinstance(source, BenchmarkConfig):
            wanted = Wanted(
                recipe.all_languages, task.num_families, recipe.seed, system=recipe.system,
                families_per_shard=recipe.families_per_shard,
            )  # fmt: skip
            return self._asked(stage, source, wanted), 1.0
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
        from isoglot.evals.examples import choose

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


DEDICATED = ("seq2seq", "google")
"""Kinds of translators that are given the text alone."""


def _tokens_of(asked: Asked) -> Span:
    """All prompts together."""
    total = sum(asked.tokens[tag] * num for tag, num in asked.by_language.items())
    return Span(total, total)


def _read_with_prompts(asked: Asked, answers: list[_Answers]) -> Span:
    """All answers together, each after its prompt."""
    total = Span()
    for tag, num, tokens in answers:
        prompt = asked.tokens.get(tag, math.nan)
        total = total.plus(Span(prompt + tokens.typical, prompt + tokens.most).times(num))
    return total
