"""The verb that publishes a run on the hub: push."""

from pathlib import Path
from typing import Annotated

import typer

from isoglot.commands.options import print_next
from isoglot.core.errors import InputError
from isoglot.report.export.push import What


def push_command(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    to: Annotated[str, typer.Option(help="owner/name of the model or data set on the hub.")] = "",
    what: Annotated[
        What, typer.Option(help="The last policy, the preferences of all rounds, or the results.")
    ] = "policy",
    licence: Annotated[
        str | None,
        typer.Option(help="Licence, as the hub names it: apache-2.0, cc-by-4.0, unknown …"),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository private.")
    ] = False,
    dry_run: Annotated[
        Path | None,
        typer.Option(help="Only write what would be uploaded into this folder; needs no token."),
    ] = None,
) -> None:
    """Publish a run on the Hugging Face Hub, with a model card or a data card.

    Example: isoglot push runs/mine --to me/my-model --licence apache-2.0 --dry-run card
    """
    from isoglot.report.export.push import push, write_for_hub

    if dry_run is not None:
        print(f"{what}: {write_for_hub(run, what, dry_run, licence)}")
        print_next(f"isoglot push {run} --what {what} --to {to or 'OWNER/NAME'}")
        return
    if not to:
        raise InputError("expected --to owner/name, or --dry-run DIR, got neither; give one")
    print(f"{what}: {push(run, what, to, licence, private=private)}")
