"""Training on rows of the user's own, without a recipe: `isoglot train METHOD`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.core.day import day_kept
from isoglot.core.documents import read_json
from isoglot.core.errors import InputError
from isoglot.core.files import write_json, written_whole
from isoglot.core.language_sets import expand
from isoglot.core.own_rows import (
    Identified,
    RowTally,
    demonstration_of,
    describe_rows,
    languages_of_rows,
    preference_of,
    prompt_of,
    read_own_rows,
)
from isoglot.core.records import Demonstration, Preference, PrivilegedPrompt, Prompt
from isoglot.core.row_sources import FileRowsConfig, RowSource
from isoglot.core.rows import find_files
from isoglot.core.section import validated
from isoglot.core.store import check_files, shard_path, write_shard
from isoglot.core.verbosity import tell
from isoglot.data.score import ScoreConfig
from isoglot.evals.graders import GRADERS
from isoglot.line.privilege import OwnContexts, prompt_to_answer
from isoglot.line.sources import HUB_PINS, pin_source
from isoglot.line.training import reward_by, train_by_method
from isoglot.models.load import load_identifier
from isoglot.models.scorers.load import load_scorers
from isoglot.recipe.overrides import settings_of
from isoglot.train.arguments import check_training
from isoglot.train.examples import check_rows_in, is_shard, languages_in
from isoglot.train.folder import INPUTS, check_rows
from isoglot.train.launch import LaunchConfig, check_launch, num_processes_of, train_launched
from isoglot.train.policy import Policy
from isoglot.train.settings import OnStep, TrainConfig, no_step

_ROWS_IN_A_SHARD = 10_000


class RowKind(NamedTuple):
    """The records that a method trains on."""

    record: type
    make: Callable[..., Any]
    """Makes one of a row, or for `sdft` the prompt that is then given its context."""
    folder: str
    """The folder of their shards in that of the policy."""


ROWS_OF_METHOD: Mapping[str, RowKind] = {
    "sft": RowKind(Demonstration, demonstration_of, "demonstrations"),
    "dpo": RowKind(Preference, preference_of, "preferences"),
    "rloo": RowKind(Prompt, prompt_of, "prompts"),
    "grpo": RowKind(Prompt, prompt_of, "prompts"),
    "sdft": RowKind(PrivilegedPrompt, prompt_to_answer, "contexts"),
}


def own_shards(
    method: str,
    sources: Sequence[RowSource],
    out: Path,
    *,
    languages: Sequence[str] = (),
    language: str | None = None,
    contexts: OwnContexts | None = None,
) -> list[Path]:
    """Return the files if they are shards of a run, else shards in `out` made of the rows.

    Only rows in `languages` are taken, if there are any; `contexts` are made before, of all rows.
    Rows that name no language are in `language`, or in the one that is identified among these, or
    else a hundred. Prints to standard error of which forms the rows are. A set of the hub is pinned
    to the commit of the first call.

    Raises:
        InputError: a row that makes no example for the method, no rows in a language, or other
            rows than those that the training in `out` began with.
    """
    kind = ROWS_OF_METHOD[method]
    if (contexts or not languages) and (shards := _finished_shards(sources, kind.record)):
        if contexts and (languages or "privilege" in contexts.model_fields_set):
            raise InputError(
                f"{shards[0]} has the contexts of a run: expected no languages and no `privilege` "
                "beside it; leave them out, or give prompts with their answers"
            )
        return shards
    path = out / HUB_PINS
    pins = read_json(path, mend="delete it and run again") if path.exists() else {}
    pinned = [pin_source(source, pins) for source in sources]
    if pins:
        write_json(path, pins)
    candidates, wanted = languages or expand(["xllms-100"]), languages
    if contexts:
        wanted = [tag for tag in languages if tag != contexts.dominant_language]
        candidates = sorted({*candidates, contexts.dominant_language})
    rows: Iterator[Any] = chain.from_iterable(
        _rows(source, kind, language, candidates) for source in pinned
    )
    if contexts:
        rows = iter(contexts.of_prompts(rows))
    kept = (row for row in rows if not languages or row.language in languages)
    made: list[Path] = []
    with written_whole(out / kind.folder) as new:
        while batch := list(islice(kept, _ROWS_IN_A_SHARD)):
            made.append(shard_path(new, len(made)))
            write_shard(made[-1], batch, kind.record)
        if not made:
            titles = ", ".join(source.title for source in sources)
            raise InputError(f"{titles}: expected {kind.folder} to train on, came none")
        check_rows_in(made, wanted)
        check_rows(out, made)
    return [out / kind.folder / path.name for path in made]


@dataclass(frozen=True, slots=True)
class OwnTraining:
    """The settings of a training without a recipe."""

    config: TrainConfig
    score: ScoreConfig | None = None
    """Rewards the completions of online training."""
    launch: LaunchConfig | None = None
    contexts: OwnContexts | None = None
    """The contexts that the teacher of `sdft` reads."""

    @classmethod
    def of_settings(
        cls, method: str, settings: Sequence[str] | Mapping[str, Any], scorers: Sequence[Any] = ()
    ) -> "OwnTraining":
        """Parse keys of a recipe's `train:`, of `launch.`, `score.` and `privilege.`, and
        `dominant_language`; others are TRL's arguments.

        Raises:
            InputError: an unknown key of a section, or a value out of its range.
        """
        given = settings_of(settings)
        launch, score, training = (_section(given, key) for key in ("launch", "score", "training"))
        if scorers:
            score["scorers"] = [*score.get("scorers", ()), *scorers]
        of_contexts = {key: given.pop(key) for key in OwnContexts.model_fields if key in given}
        own = {key: given.pop(key) for key in TrainConfig.model_fields if key in given}
        values = {**own, "method": method, "training": {**training, **given}}
        config = validated(TrainConfig, values, "--set")
        if score and not config.is_rewarded:
            raise InputError(
                f"expected no reward for method {method}, which learns from none; leave `score` "
                "out, or train by rloo or grpo"
            )
        has_contexts = of_contexts or method == "sdft"
        return cls(
            config,
            validated(ScoreConfig, score, "--reward") if score.get("scorers") else None,
            validated(LaunchConfig, launch, "--set launch") if launch else None,
            validated(OwnContexts, of_contexts, "--set") if has_contexts else None,
        )

    def check(self, *, needs_reward: bool = True) -> None:
        """Raise InputError for arguments that TRL does not know, or a method without its reward."""
        check_training(self.config, num_processes_of(self.launch))
        if self.contexts:
            self.contexts.check(self.config.method)
        if self.launch:
            check_launch(self.launch, self.config)
        if self.config.choose:
            raise InputError(
                "expected a training without `choose`, which holds out prompts of a recipe; leave "
                "it out, or write a recipe (`prompts.source` and `train.choose`)"
            )
        if needs_reward and self.config.is_rewarded and self.score is None:
            raise InputError(
                f"expected a reward for method {self.config.method}, came none; give --reward, "
                "such as language_match, judge:MODEL, or the folder or hub id of a reward model"
            )

    def shards(
        self,
        sources: Sequence[RowSource],
        out: Path,
        *,
        languages: Sequence[str] = (),
        language: str | None = None,
    ) -> list[Path]:
        """Return the shards to train on; see `own_shards`."""
        given: dict[str, Any] = {"languages": languages, "language": language}
        return own_shards(self.config.method, sources, out, contexts=self.contexts, **given)

    def run(
        self,
        files: Sequence[Path],
        policy: Policy,
        out: Path,
        *,
        seed: int,
        on_step: OnStep = no_step,
    ) -> dict[str, Any]:
        """Train on shards of the method's records; return a summary, as `train_dpo` does."""
        train: Callable[..., Any] = partial(_train_here, self.score, self.contexts)
        if self.launch:
            train = partial(train_launched, self.launch, train)
        with day_kept(out / INPUTS):
            return train(files, policy, out, self.config, seed=seed, on_step=on_step)


def _section(given: dict[str, Any], name: str) -> dict[str, Any]:
    """Take a section out of settings; empty where it is left out."""
    section = given.pop(name, None) or {}
    if not isinstance(section, dict):
        raise InputError(f"--set {name}: expected keys, such as {name}.KEY=VALUE, got {section!r}")
    return section


def _train_here(
    score: ScoreConfig | None,
    contexts: OwnContexts | None,
    files: Sequence[Path],
    policy: Policy,
    out: Path,
    config: TrainConfig,
    **given: Any,
) -> dict[str, Any]:
    """Train in this process, where the models that reward completions are loaded."""
    reward, identify = None, None
    if score:
        identifier = load_identifier(languages_in(files))
        graders = {str(name): grader for name, grader in GRADERS.items()}
        scorers = load_scorers(score.scorers, identifier, graders)
        reward, identify = reward_by(score, scorers, identifier)
    elif contexts:
        candidates = {*languages_in(files), contexts.dominant_language}
        identify = load_identifier(sorted(candidates)).identify
    return train_by_method(files, policy, out, config, reward, identify, **given)


def _finished_shards(sources: Sequence[RowSource], record: type) -> list[Path]:
    """Return the files of sources that are shards of the record, as they are."""
    if not all(isinstance(source, FileRowsConfig) for source in sources):
        return []
    paths = [file for source in sources for file in find_files(source.path)]  # type: ignore[union-attr]
    if not all(is_shard(path, record) for path in paths):
        return []
    for folder in {path.parent for path in paths}:
        check_files(folder)
    return paths


def _rows(
    source: RowSource, kind: RowKind, language: str | None, candidates: Sequence[str]
) -> Iterator[Any]:
    """Read the records of a source, and print of which forms they are."""
    if language is not None:
        found = languages_of_rows(source, lambda texts: [language] * len(texts))
    else:
        found = languages_of_rows(source, load_identifier(candidates).identify)
    tally = RowTally()
    yield from read_own_rows(source, kind.make, tally, found)
    told = describe_rows(tally.forms, tally.refused)
    how = "" if language is not None else _identified(found)
    tell(f"{source.title}: {told}{how}")


def _identified(found: Identified) -> str:
    if not found.tags:
        return ""
    counts = ", ".join(f"{tag} {num:,}" for tag, num in found.counts.items())
    unsure = f"; {len(found.unsure):,} unsure rows count as the first" if found.unsure else ""
    return f"; no column says the language, identified {counts}{unsure} (--language sets it)"
