"""Prompts of users' rows, and the whole families that each round takes of them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.own_rows import OwnRow, RowTally, prompt_of, read_own_rows
from isoglot.core.records import Prompt, content_id
from isoglot.core.row_sources import RowSource


def read_prompts(source: RowSource, tally: RowTally | None = None) -> list[Prompt]:
    """Read all prompts of a source, in the order of the rows, and count the rows.

    Equal rows make one prompt, and of several completions of a prompt the first is kept.

    Raises:
        InputError: a row that makes no prompt; names file and row.
    """
    prompts: dict[tuple[str, str], Prompt] = {}
    tally = RowTally() if tally is None else tally

    def take(own: OwnRow) -> None:
        prompt = prompt_of(own)
        known = prompts.setdefault((prompt.family, prompt.prompt_id), prompt)
        is_same = _content(known) == _content(prompt)
        twin = replace(prompt, prompt=known.prompt, gold=known.gold)
        if not is_same or replace(known, source=twin.source, completion=twin.completion) != twin:
            raise InputError(
                "expected one row for each prompt of a family, came a second with the same id "
                "and other content; add the columns that tell them apart to `id`"
            )

    for _ in read_own_rows(source, take, tally):
        pass
    if not prompts:
        refused = f"; refused: {dict(tally.refused)}" if tally.refused else ""
        raise InputError(
            f"{source.title}: expected at least one prompt, came none{refused}; "
            f"check `where` {dict(source.where)}"
        )
    return list(prompts.values())


def _content(prompt: Prompt) -> str:
    """Identify turns and gold, the same in every Unicode form."""
    turns = (part for turn in prompt.prompt for part in (turn["role"], turn["content"]))
    return content_id(*turns, prompt.gold or "")


def select_families(
    prompts: Sequence[Prompt],
    *,
    languages: Sequence[str],
    num_families: int,
    seed: int,
    skip: int = 0,
    parallel: bool = True,
) -> list[Prompt]:
    """Return the prompts in `languages` of `num_families` whole families, whatever their order.

    The seed shuffles the families; `skip` leaves out those of earlier rounds.

    Raises:
        InputError: too few families or, with `parallel`, a family that lacks a language.
    """
    tags = [language(tag).tag for tag in languages]
    rank = {tag: index for index, tag in enumerate(tags)}
    families: dict[str, list[Prompt]] = defaultdict(list)
    for prompt in prompts:
        if prompt.language in rank:
            families[prompt.family].append(prompt)
    # All families, not only the selected ones: a gap shows in the first round, not the third.
    for family in sorted(families) if parallel else ():
        present = {prompt.language for prompt in families[family]}
        if missing := [tag for tag in tags if tag not in present]:
            raise InputError(
                f"family {family} ({families[family][0].text[:40]!r}) has no prompt in "
                f"{missing[0]!r}: expected one in each of {', '.join(tags)}; add the row, check "
                f"the `family` columns, or leave out {missing[0]!r}"
            )
    if len(families) < skip + num_families:
        raise InputError(
            f"expected at least {skip + num_families} families in {', '.join(tags)} ({skip} were "
            f"taken by earlier rounds), came {len(families)}; take fewer, or add prompts"
        )
    shuffled = sorted(families, key=lambda family: (content_id(str(seed), family), family))
    return [
        prompt
        for family in shuffled[skip : skip + num_families]
        for prompt in sorted(families[family], key=lambda p: (rank[p.language], p.prompt_id))
    ]
