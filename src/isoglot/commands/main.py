"""The command line: one sub-command per verb.

Exit codes: 0 done, 1 failed, 2 bad input, 128 + N ended by signal N.
"""

import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from isoglot.commands.evaluate import benchmarks_command, compare_command, evaluate_command
from isoglot.commands.export import export_command
from isoglot.commands.inspect import inspect_command
from isoglot.commands.judge import import_rankings_command, judge_command, rewards_command
from isoglot.commands.lab import lab
from isoglot.commands.languages import languages_command
from isoglot.commands.options import Quiet, Verbose, set_level, with_level
from isoglot.commands.plan import new_command, plan_command, recipes_command
from isoglot.commands.push import push_command
from isoglot.commands.run import (
    audit_command,
    demo_command,
    report_command,
    run_command,
)
from isoglot.commands.signals import interruptions
from isoglot.commands.study import study_command
from isoglot.commands.train import train_app
from isoglot.commands.trying import try_command
from isoglot.core.errors import Failure
from isoglot.core.text import printable

_INTERRUPTED = 130
"""The exit code that typer gives to Ctrl-C."""

app = typer.Typer(
    name="isoglot",
    help="Make a language model as good in every language as it is in its best one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(lab, name="lab", no_args_is_help=True)
app.add_typer(train_app, name="train", no_args_is_help=True)


@app.callback()
def _options(
    context: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of every error, also of bad input.")
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    set_level(quiet, verbose)
    context.ensure_object(dict)["debug"] = debug


def env_command() -> None:
    """Print versions and machine, for a bug report, and the command of vLLM."""
    from isoglot.core.environment import INSTALL_VLLM, machine, versions

    vllm = {"vllm": shutil.which("vllm") or f"no command; {INSTALL_VLLM}, or put it on PATH"}
    for name, value in {**versions(), **machine(), **vllm}.items():
        print(f"{name:14} {value}")


VERBS: dict[str, Callable[..., None]] = {
    "demo": demo_command,
    "run": run_command,
    "new": new_command,
    "plan": plan_command,
    "study": study_command,
    "report": report_command,
    "audit": audit_command,
    "try": try_command,
    "inspect": inspect_command,
    "evaluate": evaluate_command,
    "judge": judge_command,
    "rewards": rewards_command,
    "import-rankings": import_rankings_command,
    "compare": compare_command,
    "export": export_command,
    "push": push_command,
    "recipes": recipes_command,
    "benchmarks": benchmarks_command,
    "languages": languages_command,
    "env": env_command,
}
for name, command in VERBS.items():
    app.command(name)(with_level(command))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, by default of this process.

    Bad input and a failed run end in one line; a bug keeps its traceback.
    """
    options = {"debug": False}
    try:
        with interruptions() as interruption:
            app(arguments, obj=options)
    except SystemExit as ending:
        if ending.code != _INTERRUPTED:
            raise
        _fail(interruption.message, interruption.exit_code)
    except Exception as error:  # noqa: BLE001 - the last one to hear of it
        if interruption.number is not None:  # what a child that got it too says of its end
            _fail(interruption.message, interruption.exit_code)
        failure = Failure.of(error)
        if failure.kind == "bug" or options["debug"]:
            traceback.print_exc()
        bug = (
            "this is a bug of isoglot, not of your input: please report it to its maintainers "
            "with the traceback above and what `isoglot env` prints"
        )
        _fail(bug if failure.kind == "bug" else failure.message, failure.exit_code)


def _fail(message: str, code: int) -> None:
    print(f"isoglot: {printable(' '.join(message.split()))}", file=sys.stderr)
    sys.exit(code)
