"""`isoglot plan`: counts, tokens, hours and cost of a recipe before anything runs.

No model is loaded or fetched, and no server is called: the shape of a model is read from its
folder, the hub's cache, or the table of the package.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from isoglot.core.environment import accelerator, memory_bytes
from isoglot.core.errors import InputError
from isoglot.line.memory import StageMemory, stage_memories
from isoglot.models.memory import GIB, Device
from isoglot.planning.counting import Counting
from isoglot.planning.throughput import MatchedRate, Throughput, load_throughput
from isoglot.planning.work import Work
from isoglot.recipe.recipe import Recipe
from isoglot.report.results.plan import (
    Amount,
    PlanAssumptions,
    PlannedMemory,
    PlannedWork,
    PlanTotals,
    RecipePlan,
)
from isoglot.train.arguments import check_arguments
from isoglot.train.launch import num_processes_of

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*Gi?B?", re.IGNORECASE)
"""A memory, such as `24GB`."""
_TOY_BILLIONS = 0.1  # models that a CPU is enough for
_ASSUMED = "h100"
"""The device of a machine that has none."""
_LIKE = "a100"
"""The device whose rates stand for one that the table does not know."""


def plan_of(
    recipe: Recipe,
    *,
    throughput: Path | None = None,
    device: str | None = None,
    usd_per_hour: float | None = None,
) -> RecipePlan:
    """Return the plan; None is unknown.

    `num`, tokens, hours and USD of a row are for one round; `totals` are for the run. `device` is
    one of the table, or a memory such as `24GB`; default: the CPU if all models are tiny, else the
    accelerator of this machine, else an H100. Raises InputError for settings that a run would
    refuse, if the prompts cannot be counted, or if the table has no row for some work.
    """
    for each in recipe.different_rounds:
        if each.train:
            check_arguments(each.train, num_processes_of(each.launch))
    table = load_throughput(throughput)
    counting = Counting(recipe, table)
    works = counting.works
    chosen, notes = _device(works, table, device)
    if not chosen.is_cpu and any(_is_auto(work) for work in works):
        notes = [
            *notes,
            "engine auto is planned as vLLM, whose command a run needs (`isoglot env`)",
        ]
    timed = [(work, *_time(work, table, chosen.name)) for work in works]
    rows = [_row(work, hours, bool(found), usd_per_hour) for work, hours, found in timed]
    used = {each.row for _, _, found in timed for each in found}
    rates = sorted(used, key=lambda rate: (rate.work, rate.billions))
    return RecipePlan(
        recipe=recipe.name,
        device=chosen.name,
        device_gib=chosen.num_bytes / GIB,
        rounds=recipe.num_rounds,
        works=rows,
        memory=[_memory(stage, chosen) for stage in stage_memories(recipe, chosen, fetch=False)],
        totals=_totals(rows, usd_per_hour),
        judge_calls=counting.judge_calls,
        assumed=PlanAssumptions(
            typical_share=table.assumed.typical_share,
            usd_per_hour=usd_per_hour,
            rates=rates,
        ),
        notes=[*notes, *counting.notes],
    )


def _device(
    works: Sequence[Work], table: Throughput, name: str | None
) -> tuple[Device, Sequence[str]]:
    """Return the device that is planned for, and notes on what was assumed of it."""
    if name is None:
        engines = [work.engine for work in works if work.engine and work.engine.work]
        if not all(each.billions < _TOY_BILLIONS for each in engines):
            return _default_device(table)
        name = "cpu"
    return named_device(name, table)


def named_device(name: str, table: Throughput) -> tuple[Device, Sequence[str]]:
    """Return the device of a name in the table, or of a memory such as `24GB`, with notes on it."""
    if name == "cpu":
        return Device(name, float(memory_bytes()), can_bfloat16=False, is_cpu=True), ()
    if match := _SIZE.fullmatch(name):
        gib = float(match[1])
        known = [each for each in table.device if each.name != "cpu"]
        like = min(known, key=lambda each: abs(each.memory_gib - gib))
        return Device(like.name, gib * GIB), (f"{name}: the rates of {like.name} are taken",)
    found = table.memory_gib(name)
    notes = () if found else (f"{name}: its memory is not in the table; 80 GiB are assumed",)
    return Device(name, (found or 80.0) * GIB), notes


def device_for_new(text: str | None) -> tuple[Device, int, Sequence[str]]:
    """Return the device that a recipe is written for, how many there are, and notes on it.

    `text` is a device of the table or a memory, with a number before it (`8x80GB`); by default the
    accelerator of this machine, or else a card of 24 GB. Raises InputError for another text.
    """
    table = load_throughput()
    if text is None:
        if here := accelerator():
            return Device(here[0], float(here[1])), 1, ()
        note = "no accelerator is here: a card of 24 GB is assumed; name yours with --gpu"
        return named_device("24GB", table)[0], 1, (note,)
    match = re.fullmatch(r"(?:(\d+)\s*x\s*)?(\S+)", text.strip())
    known = {each.name for each in table.device}
    if not match or (match[2] not in known and not _SIZE.fullmatch(match[2])):
        raise InputError(
            f"expected a memory such as 24GB or 8x80GB, or a device among "
            f"{', '.join(sorted(known))}, got {text!r}; correct --gpu"
        )
    return named_device(match[2], table)[0], int(match[1] or 1), ()


def _default_device(table: Throughput) -> tuple[Device, Sequence[str]]:
    """Return the accelerator of this machine, or an assumed one."""
    here = accelerator()
    if here is None:
        gib = table.memory_gib(_ASSUMED)
        assert gib is not None
        assumed = f"no accelerator is here: an {_ASSUMED} is assumed; name another with --device"
        return Device(_ASSUMED, gib * GIB), (assumed,)
    described, num_bytes = here
    found = table.named(described, num_bytes / GIB)
    if found:
        return Device(found.name, float(num_bytes)), ()
    note = f"{described} has no rates of its own: those of {_LIKE} are taken; see --throughput"
    return Device(_LIKE, float(num_bytes)), (note,)


def _memory(stage: StageMemory, device: Device) -> PlannedMemory:
    return PlannedMemory(
        stage=stage.stage,
        model=stage.model,
        method=stage.method,
        rows=stage.rows,
        length=stage.length,
        parts={name: size / GIB for name, size in stage.memory.parts.items()},
        gib=stage.memory.total / GIB,
        fits=stage.memory.total <= device.usable,
    )


def _is_auto(work: Work) -> bool:
    return work.engine is not None and work.engine.work == "generate.auto"


def _time(work: Work, table: Throughput, device: str) -> tuple[Amount, list[MatchedRate]]:
    """Return the device hours of one round, and the rows of the table behind them."""
    engine = work.engine
    if engine is None or engine.work is None:
        return Amount(), []
    kind = engine.work.replace("auto", "transformers" if device == "cpu" else "vllm")
    main = table.find(kind, device, engine.billions)
    if engine.work in ("read", "train"):
        return _hours(work.tokens_in, main), [main]
    if engine.work.startswith("translate."):
        return _hours(work.tokens_out, main), [main]
    read = table.find("read", device, engine.billions)
    return _hours(work.tokens_out, main).plus(_hours(work.tokens_in, read)), [main, read]


def _hours(tokens: Amount, found: MatchedRate) -> Amount:
    return tokens.times(1 / found.tokens_per_second / 3600)


def _row(work: Work, hours: Amount, on_device: bool, usd_per_hour: float | None) -> PlannedWork:
    engine, usd = work.engine, _usd(work)
    if usd is not None and usd_per_hour:
        usd = usd.plus(hours.times(usd_per_hour))
    return PlannedWork(
        stage=work.stage,
        model=engine.name if engine else None,
        unit=work.unit,
        num=work.num,
        is_exact=work.exact,
        times=work.times,
        tokens_in=_rounded(work.tokens_in),
        tokens_out=_rounded(work.tokens_out),
        hours=hours,
        usd=usd,
        on_device=on_device,
    )


def _usd(work: Work) -> Amount | None:
    """The price of the vendor; None if the recipe gives none."""
    engine = work.engine
    if engine is None:
        return Amount()
    prices = (engine.usd_per_million_in, engine.usd_per_million_out)
    if prices[0] is None or prices[1] is None:
        return None
    read = work.characters if engine.is_by_character else work.tokens_in
    return read.times(prices[0] / 1e6).plus(work.tokens_out.times(prices[1] / 1e6))


def _rounded(tokens: Amount) -> Amount:
    return Amount(round(tokens.typical), round(tokens.most))


def _totals(works: Sequence[PlannedWork], usd_per_hour: float | None) -> PlanTotals:
    """Sum over all rounds; without an unknown cost, if `usd_is_whole` is False."""

    def total(amount: Callable[[PlannedWork], Amount | None]) -> Amount:
        known = [(found, work.times) for work in works if (found := amount(work))]
        return Amount(
            typical=sum(found.typical * times for found, times in known),
            most=sum(found.most * times for found, times in known),
        )

    num: Counter[str] = Counter()
    for work in works:
        if work.stage not in ("filter", "clean"):  # those of `pair` and `route`, as far as fit
            num[work.unit] += work.num * work.times
    is_priced = usd_per_hour is not None or not any(work.on_device for work in works)
    return PlanTotals(
        num=num,
        tokens_in=total(lambda work: work.tokens_in),
        tokens_out=total(lambda work: work.tokens_out),
        hours=total(lambda work: work.hours),
        usd=total(lambda work: work.usd),
        usd_is_whole=is_priced and all(work.usd is not None for work in works),
    )
