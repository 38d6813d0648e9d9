"""The verbs that train without a recipe: train reward, sft, dpo, rloo, grpo, sdft."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from isoglot.commands.judge import held_out_rewards
from isoglot.commands.options import SetsData, hide_option, print_next, with_level
from isoglot.core.errors import InputError

if TYPE_CHECKING:
    from isoglot.train.policy import Policy
    from isoglot.train.settings import TrainConfig

train_app = typer.Typer(help="Train without a recipe.")


_Pairs = Annotated[
    list[str],
    typer.Argument(help="Preferences: RUN/round-0/filter/part-*, or files or hub sets of yours."),
]
_HeldOut = Annotated[
    str,
    typer.Option("--eval", help="Preferences on other prompts to measure, as for `rewards --on`."),
]


@train_app.command("reward")
@with_level
def train_reward_command(
    preferences: _Pairs,
    model: Annotated[
        str, typer.Option(help="Folder or hub id of the model to add a reward head to.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the reward model.")] = Path("runs/reward"),
    training: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Arguments of TRL's RewardConfig."),
    ] = None,
    held_out: _HeldOut = "",
    data: SetsData = None,
    seed: Annotated[int, typer.Option(help="Seed of the order and of the new head.")] = 1,
) -> None:
    """Train a reward model on preferences, and print its accuracy by language.

    With --eval, OUT/rewards.json and OUT/rewards have its accuracy, with `length` as a control.

    Example: isoglot train reward runs/a/round-0/filter/part-*.parquet --model ./m --eval runs/b
    """
    from isoglot.core.day import day_kept
    from isoglot.core.section import validated
    from isoglot.execute.folder import owned_folder
    from isoglot.execute.progress import Bars, TrainingBars
    from isoglot.line.own_training import own_shards
    from isoglot.recipe.models import model_path
    from isoglot.recipe.overrides import settings_of
    from isoglot.recipe.sources import named_source
    from isoglot.train.arguments import check_training
    from isoglot.train.folder import INPUTS
    from isoglot.train.policy import Policy
    from isoglot.train.reward import RewardTrainConfig, train_reward

    if data and not held_out:
        raise InputError(
            "--data has the published sets that --eval names; name one, or leave it out"
        )
    given = {"training": settings_of(training or ())}
    config = validated(RewardTrainConfig, given, "--set")
    check_training(config)
    with owned_folder(out, "training"), day_kept(out / INPUTS):
        shards = own_shards("dpo", [named_source(word) for word in preferences], out)
        measure = held_out_rewards(held_out, shards, out, data) if held_out else None
        with Bars() as bars:
            on_step = TrainingBars(bars, "train reward")
            policy = Policy(model_path(model))
            summary = train_reward(shards, policy, out, config, seed=seed, on_step=on_step)
    for tag, row in summary["languages"].items():
        print(f"{tag:8} accuracy {row['accuracy']:.3f} of the last {row['n']:.0f} pairs")
    print(f"reward model: {summary['policy']}")
    if measure:
        measure(summary["policy"])
    print_next(f"isoglot rewards {summary['policy']} length --on RUN")


_Files = Annotated[
    list[str],
    typer.Argument(
        help="Files, folders, globs or hub sets (owner/name[:config][@commit]), in TRL's forms, "
        "Alpaca's or ShareGPT's (`isoglot inspect`); or shards of a run."
    ),
]
_Start = Annotated[str, typer.Option(help="Folder or hub id of the model to start from.")]
_Out = Annotated[Path | None, typer.Option(help="Folder of the policy; default: runs/METHOD.")]
_Languages = Annotated[
    str, typer.Option(help="Tags or sets to train on, separated by commas; default: all.")
]
_Language = Annotated[
    str, typer.Option(help="Language of rows without one; default: it is identified.")
]
_Split = Annotated[str, typer.Option(help="Split of a hub set.")]
_SkipRefused = Annotated[
    bool, typer.Option("--skip-refused", help="Leave out, and count, rows that make no example.")
]
_Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Keys of a recipe's `train:` (lora.r=16, mixing.method=uniform), of its `launch:` "
        "(launch.num_processes=8) or `privilege:`, or arguments of TRL's config "
        "(learning_rate=1e-6).",
    ),
]
_Template = Annotated[
    str | None, typer.Option(help="File with a chat template, instead of the model's own.")
]
_Check = Annotated[
    bool,
    typer.Option("--check", help="Only print a row of each language as the model reads it."),
]
_Reward = Annotated[
    list[str] | None,
    typer.Option(
        help="Scorers whose rewards are added: language_match, length, gold:GRADER, "
        "judge:MODEL, python:MODULE:NAME (your own code), or the folder or hub id of a reward "
        "model."
    ),
]
_TrainSeed = Annotated[int, typer.Option(help="Seed of the mixture and of the order.")]


_REWARDED = ("rloo", "grpo")
"""Methods that have the option --reward."""


def _add_command(method: str, text: str) -> None:
    """Add the command of a method; `text` is its help."""

    def command(
        files: _Files,
        model: _Start,
        reward: _Reward = None,
        languages: _Languages = "",
        language: _Language = "",
        split: _Split = "train",
        skip_refused: _SkipRefused = False,
        settings: _Settings = None,
        out: _Out = None,
        seed: _TrainSeed = 1,
        template: _Template = None,
        check: _Check = False,
    ) -> None:
        given = _Given(files, split, skip_refused, languages, language, model, template, out, seed)
        _train(method, given, settings or (), check=check, rewards=reward or ())

    if method not in _REWARDED:
        hide_option(command, "reward")
    train_app.command(method, help=text)(with_level(command))


_add_command(
    "sft",
    """Fine-tune a model on demonstrations; the same command resumes.

    Prints the number of answers in each language, and their mean log-probability per token. Rows
    longer than `max_length` are left out and counted.

    Example: isoglot train sft aya.jsonl --model ./m --set lora.r=16 --set mixing.method=uniform
    """,
)
_add_command(
    "dpo",
    """Train a model on preferences by DPO; the same command resumes.

    Prints the mean reward margin in each language. Without `nll=none` the loss has the likelihood
    term of a recipe's `train:`.

    Example: isoglot train dpo trl-lib/ultrafeedback_binarized --model ./m --set lora.r=16
    """,
)
_add_command(
    "rloo",
    """Train a model by RLOO on its own answers to prompts; the same command resumes.

    Prints the mean reward in each language, and the rate of answers in another one.

    Example: isoglot train rloo prompts.jsonl --model ./m --reward language_match --reward ./rm
    """,
)
_add_command(
    "grpo",
    """Train a model by GRPO on its own answers to prompts; the same command resumes.

    Prints the mean reward in each language, and the rate of answers in another one. Answers in
    another language are rewarded with 0 by --set score.gates=[wrong_language] --set
    score.gate_reward=0; the gate wrong_thought_language does so for thoughts.

    Example: isoglot train grpo problems.jsonl --model ./m --reward gold:last_number
    """,
)
_add_command(
    "sdft",
    """Train a model by self-distillation on its own answers; the same command resumes.

    Rows of one `family` are a prompt in several languages, and the one in the dominant language
    has an answer: a teacher, the model as it was, reads both beside each prompt in another
    language. Prints how far the model is from its teacher in each language, and the rate of answers
    in another one. --set dominant_language=de is for another one than English; --set
    privilege.shows=another_family is a control, and privilege.template a text of your own.

    Example: isoglot train sdft parallel.jsonl --model ./m --set learning_rate=1e-5
    """,
)


class _Given(NamedTuple):
    """The options that all methods have."""

    files: Sequence[str]
    split: str
    skip_refused: bool
    languages: str
    language: str
    model: str
    template: str | None
    out: Path | None
    seed: int


def _train(
    method: str,
    given: _Given,
    settings: Sequence[str],
    *,
    check: bool,
    rewards: Sequence[str],
) -> None:
    from isoglot.core.language_sets import expand
    from isoglot.core.verbosity import tell
    from isoglot.execute.folder import owned_folder
    from isoglot.execute.progress import Bars, TrainingBars
    from isoglot.line.own_training import OwnTraining
    from isoglot.recipe.models import model_path, scorer_of
    from isoglot.recipe.sources import named_source
    from isoglot.train.policy import Policy

    tags = expand(given.languages.split(",")) if given.languages else ()
    skip = {"skip_refused": True} if given.skip_refused else {}
    sources = [named_source(word, skip, split=given.split) for word in given.files]
    training = OwnTraining.of_settings(method, settings, [scorer_of(name) for name in rewards])
    training.check(needs_reward=not check)
    out = given.out or Path("runs") / method
    policy = Policy(model_path(given.model), template=given.template)
    of_rows: dict[str, Any] = {"languages": tags, "language": given.language or None}
    if check:
        with TemporaryDirectory() as folder:
            scratch = Path(folder)
            shards = training.shards(sources, scratch, **of_rows)
            _print_rows(shards, policy, scratch, training.config)
        return
    with owned_folder(out, "training"):
        shards = training.shards(sources, out, **of_rows)
        with Bars() as bars:
            on_step = TrainingBars(bars, f"train {method}")
            summary = training.run(shards, policy, out, seed=given.seed, on_step=on_step)
    for tag, row in summary["languages"].items():
        print(f"{tag:8} {_result(method, row)}")
    if training.launch:  # whose processes tell it into a file
        for key, what in (("too_long", "left out"), ("cut", "cut")):
            if rows := ", ".join(f"{tag} {num}" for tag, num in summary.get(key, {}).items()):
                tell(f"rows {what} because of their length: {rows}")
    print(f"policy: {summary['policy']}")
    print_next(f"isoglot evaluate {summary['policy']} --tasks mgsm,xcopa --baseline {given.model}")


def _result(method: str, row: Mapping[str, float | None]) -> str:
    """Describe the last steps of a training in one language."""

    def number(key: str) -> str:
        value = row.get(key)
        return "unknown" if value is None else f"{value:.3f}"

    if method == "sft":
        return f"{row['logp_chosen_per_token']:7.3f} a token, of the last {row['n']:.0f} rows"
    if method == "dpo":
        return f"margin {number('reward_margin')}, of the last {row['n']:.0f} pairs"
    measure = "kl" if method == "sdft" else "reward"
    rates = f"{measure} {number(measure)}, off-target rate {number('off_target')}"
    return f"{rates}, of the last {row['n']:.0f} answers"


def _print_rows(shards: Sequence[Path], policy: "Policy", out: Path, config: "TrainConfig") -> None:
    """Print a row of each language, and of each other form, as the model reads it, and its teacher,
    escaped for the terminal."""
    from isoglot.train.examples import first_of_each_form, load_examples
    from isoglot.train.sdft import as_teacher_reads
    from isoglot.train.settings import quiet
    from isoglot.train.template import check_template, end_ids, load_training_tokenizer
    from isoglot.train.thoughts import write_thoughts

    with quiet():
        tokenizer = load_training_tokenizer(policy)
        loaded = write_thoughts(load_examples(shards, out / "cache"), tokenizer, config.thoughts)
        rows, ends = first_of_each_form(loaded), end_ids(policy, tokenizer)
        shown = [(row.language, row.parts) for row in check_template(tokenizer, ends, rows)]
        if config.method == "sdft":
            taught = check_template(tokenizer, ends, as_teacher_reads(rows, config))
            pairs = zip(shown, taught, strict=True)
            shown = [(tag, {**own, "teacher": row.parts["prompt"]}) for (tag, own), row in pairs]
    for tag, parts in shown:
        for name, text in parts.items():
            print(f"{tag:8} {name:10} {text!r}")
