"""The verbs that train without a recipe: train reward, train sft."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoglot.commands.judge import held_out_rewards
from isoglot.commands.options import SetsData, with_level
from isoglot.core.errors import InputError

if TYPE_CHECKING:
    from isoglot.train.policy import Policy

train_app = typer.Typer(help="Train without a recipe.")


@train_app.command("reward")
@with_level
def train_reward_command(
    preferences: Annotated[
        list[Path],
        typer.Argument(help="Parquet files of preferences, such as RUN/round-0/filter/part-*."),
    ],
    model: Annotated[
        str, typer.Option(help="Folder or hub id of the model to add a reward head to.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the reward model.")] = Path("runs/reward"),
    training: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Arguments of TRL's RewardConfig."),
    ] = None,
    held_out: Annotated[
        str,
        typer.Option(
            "--eval", help="Preferences on other prompts to measure, as for `rewards --on`."
        ),
    ] = "",
    data: SetsData = None,
    seed: Annotated[int, typer.Option(help="Seed of the order and of the new head.")] = 1,
) -> None:
    """Train a reward model on preferences, and print its accuracy by language.

    With --eval, OUT/rewards.json and OUT/rewards have its accuracy, with `length` as a control.

    Example: isoglot train reward runs/a/round-0/filter/part-*.parquet --model ./m --eval runs/b
    """
    from isoglot.core.section import validated
    from isoglot.execute.lock import locked
    from isoglot.execute.progress import Bars, TrainingBars
    from isoglot.recipe.models import model_path
    from isoglot.recipe.overrides import settings_of
    from isoglot.train.policy import Policy
    from isoglot.train.reward import RewardTrainConfig, train_reward

    if data and not held_out:
        raise InputError(
            "--data has the published sets that --eval names; name one, or leave it out"
        )
    given = {"training": settings_of(training or ())}
    config = validated(RewardTrainConfig, given, "--set")
    measure = held_out_rewards(held_out, preferences, out, data) if held_out else None
    with locked(out), Bars() as bars:
        summary = train_reward(
            preferences,
            Policy(model_path(model)),
            out,
            config,
            seed=seed,
            on_step=TrainingBars(bars, "train reward"),
        )
    for tag, row in summary["languages"].items():
        print(f"{tag:8} accuracy {row['accuracy']:.3f} of the last {row['n']:.0f} pairs")
    print(f"reward model: {summary['policy']}")
    if measure:
        measure(summary["policy"])


_Files = Annotated[
    list[str],
    typer.Argument(
        help="Shards of demonstrations or preferences; or JSONL, JSONL.gz or Parquet with "
        "`messages`, or `prompt` and `completion`, and `language`."
    ),
]
_Start = Annotated[str, typer.Option(help="Folder or hub id of the model to start from.")]
_Languages = Annotated[
    str, typer.Option(help="Tags or sets to train on, separated by commas; default: all.")
]
_Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Keys of a recipe's `train:` (lora.r=16, mixing.method=uniform), or arguments of "
        "TRL's SFTConfig (learning_rate=1e-4).",
    ),
]
_Template = Annotated[
    str | None, typer.Option(help="File with a chat template, instead of the model's own.")
]
_Check = Annotated[
    bool,
    typer.Option("--check", help="Only print a row of each language as the model reads it."),
]


@train_app.command("sft")
@with_level
def train_sft_command(
    files: _Files,
    model: _Start,
    languages: _Languages = "",
    language: Annotated[str, typer.Option(help="Language of rows without one.")] = "",
    settings: _Settings = None,
    out: Annotated[Path, typer.Option(help="Folder of the policy.")] = Path("runs/sft"),
    seed: Annotated[int, typer.Option(help="Seed of the mixture and of the order.")] = 1,
    template: _Template = None,
    check: _Check = False,
) -> None:
    """Fine-tune a model on demonstrations; the same command resumes.

    Prints the number of answers in each language, and their mean log-probability per token. Rows
    longer than `max_length` are left out and counted.

    Example: isoglot train sft aya.jsonl --model ./m --set lora.r=16 --set mixing.method=uniform
    """
    from isoglot.core.language_sets import expand
    from isoglot.execute.lock import locked
    from isoglot.execute.progress import Bars, TrainingBars
    from isoglot.recipe.models import model_path
    from isoglot.train.examples import check_rows_in
    from isoglot.train.policy import Policy
    from isoglot.train.settings import check_training
    from isoglot.train.sft import train_sft

    config = _config(settings or ())
    check_training(config)
    tags = expand(languages.split(",")) if languages else ()
    with locked(out):
        shards = _shards(files, language or None, tags, out)
        check_rows_in(shards, tags)
        policy = Policy(model_path(model), template=template)
        if check:
            _print_rows(shards, policy, out)
            return
        with Bars() as bars:
            on_step = TrainingBars(bars, "train sft")
            summary = train_sft(shards, policy, out, config, seed=seed, on_step=on_step)
    for tag, row in summary["languages"].items():
        print(
            f"{tag:8} {row['logp_chosen_per_token']:7.3f} a token, of the last {row['n']:.0f} rows"
        )
    print(f"policy: {summary['policy']}")


def _config(settings: Sequence[str]) -> Any:
    """Make a `train:` section; keys that it does not have are arguments of TRL."""
    from isoglot.core.section import validated
    from isoglot.recipe.overrides import settings_of
    from isoglot.train.settings import TrainConfig

    given = settings_of(settings)
    own = {key: value for key, value in given.items() if key in TrainConfig.model_fields}
    trl = {key: value for key, value in given.items() if key not in own}
    training = {**own.pop("training", {}), **trl}
    return validated(TrainConfig, {"method": "sft", **own, "training": training}, "--set")


def _shards(
    files: Sequence[str], language: str | None, tags: Sequence[str], out: Path
) -> list[Path]:
    """Return the files if they are shards of isoglot, else shards made of them."""
    from glob import glob

    from isoglot.core.own_rows import demonstration_of, read_own_rows
    from isoglot.core.records import Demonstration
    from isoglot.core.row_sources import FileRowsConfig
    from isoglot.core.store import shard_path, write_shard
    from isoglot.train.examples import is_shard

    paths = [Path(path) for file in files for path in (sorted(glob(file)) or [file])]
    if not tags and all(is_shard(path) for path in paths):
        return paths
    folder = out / "demonstrations"
    shards: list[Path] = []
    sources = (FileRowsConfig(path=str(path), language=language) for path in paths)
    rows = (row for each in sources for row in read_own_rows(each, demonstration_of))
    kept = (row for row in rows if not tags or row.language in tags)
    while batch := _some(kept):
        shards.append(shard_path(folder, len(shards)))
        write_shard(shards[-1], batch, Demonstration)
    return shards


def _some(rows: Any, num: int = 10_000) -> list[Any]:
    from itertools import islice

    return list(islice(rows, num))


def _print_rows(shards: Sequence[Path], policy: "Policy", out: Path) -> None:
    """Print one row of each language as the model reads it, escaped for the terminal."""
    from isoglot.train.examples import first_of_each_language, load_examples
    from isoglot.train.settings import quiet
    from isoglot.train.template import check_template, end_ids, load_training_tokenizer

    with quiet():
        tokenizer = load_training_tokenizer(policy)
        rows = first_of_each_language(load_examples(shards, out / "cache"))
        shown = check_template(tokenizer, end_ids(policy, tokenizer), rows)
    for row in shown:
        for name, text in row.parts.items():
            print(f"{row.language:8} {name:10} {text!r}")
