"""Measure the speed-up of two workers over one: `generate` on Ray, on one machine.

Run from the root of the repository, on a machine that does nothing else:

    OMP_NUM_THREADS=1 python bench/workers.py --families 200 --json runs/bench-workers.json

The lab's policy answers the lab's prompts in every language of `lidr-lab`, with one thread for each
worker. Ray is started once, before the clock; each measurement starts its own workers, which import
torch and load the model. One and two workers alternate, in both orders.

`wall` is the whole stage. `rate` is shards per second once the workers are up: from the moment as
many shards as workers are done, to the last one. `busy` is the mean number of busy cores of the
machine, for any process: with one worker, much more than one means that others are running, and
then two workers cannot have two cores. The shards must be the same bytes each time.
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

ROW = "{:>8} {:>9} {:>9} {:>9} {:>9}"


def main() -> None:
    args = _arguments()
    os.environ |= {"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    import ray

    # One core for each worker, however many work: else Ray gives a single one several threads.
    ray.init(
        "local",
        num_cpus=max(args.workers),
        log_to_driver=False,
        logging_level="CRITICAL",
        include_dashboard=False,
        object_store_memory=100 * 2**20,
    )
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
    print(ROW.format("workers", "wall, s", "start, s", "rate, 1/s", "busy"))
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="bench-workers-") as scratch:
        job, prompts = lab_job(args.families, args.shards, Path(scratch))
        for turn in range(args.repeats):
            for num in args.workers if turn % 2 == 0 else args.workers[::-1]:
                row = measure(job, prompts, num, Path(scratch) / "out")
                rows.append(row)
                numbers = (f"{row[key]:.2f}" for key in ("wall", "start", "rate", "busy"))
                print(ROW.format(num, *numbers), flush=True)
        assert len({row.pop("shards") for row in rows}) == 1, "the shards are not the same bytes"
    ray.shutdown()
    found = {num: speed_up(rows, args.workers[0], num) for num in args.workers[1:]}
    for num, ratios in found.items():
        spans = "; ".join(
            f"{key} {median:.2f} ({low:.2f} to {high:.2f})"
            for key, (low, median, high) in ratios.items()
        )
        print(f"{num} workers against {args.workers[0]}, median (lowest to highest): {spans}")
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps({"rows": rows, "speed_up": found}, indent=2) + "\n")


def speed_up(
    rows: list[dict[str, Any]], one: int, other: int
) -> dict[str, tuple[float, float, float]]:
    """Return lowest, median, highest ratio of neighbouring runs, of wall time and steady rate."""
    ones, others = ([row for row in rows if row["workers"] == num] for num in (one, other))
    pairs = list(zip(ones, others, strict=True))
    ratios = {
        "rate": sorted(b["rate"] / a["rate"] for a, b in pairs),
        "wall": sorted(a["wall"] / b["wall"] for a, b in pairs),
    }
    return {key: (of[0], statistics.median(of), of[-1]) for key, of in ratios.items()}


def lab_job(families: int, shards: int, scratch: Path) -> tuple[Any, Path]:
    """Return the first round of `lidr-lab`, and the folder of its prompts."""
    from isoglot.line.job import Job
    from isoglot.line.prompts import make_prompts
    from isoglot.recipe.recipe import load_recipe

    sizes = [f"prompts.num_families={families}", f"families_per_shard={-(-families // shards)}"]
    recipe = load_recipe("lidr-lab", [*sizes, "policy.device=cpu"])
    job = Job(recipe, 0, recipe.policy.path, silent=True)
    make_prompts(job, scratch / "prompts")
    return job, scratch / "prompts"


def measure(job: Any, prompts: Path, num_workers: int, out: Path) -> dict[str, Any]:
    """Measure one pass of `generate`; `shards` are the bytes it wrote."""
    from isoglot.core.store import shard_paths
    from isoglot.execute.ray import map_shards_on_ray
    from isoglot.line.answers import run_sampler

    shutil.rmtree(out, ignore_errors=True)
    began, start, busy = time.time(), time.perf_counter(), _busy_seconds()
    run_sampler(
        prompts,
        job.model,
        job.recipe.generate.sampling,
        out,
        title="generate",
        silent=True,
        executor=partial(map_shards_on_ray, num_workers=num_workers),
    )
    wall = time.perf_counter() - start
    times = sorted(path.stat().st_mtime for path in shard_paths(out))
    first, steady = times[num_workers - 1], times[num_workers:]
    return {
        "workers": num_workers,
        "wall": wall,
        "start": first - began,
        "rate": len(steady) / (times[-1] - first),
        "busy": (_busy_seconds() - busy) / wall,
        "load": os.getloadavg()[0],
        "shards": b"".join(path.read_bytes() for path in shard_paths(out)),
    }


def _busy_seconds() -> float:
    """Return the CPU seconds of this machine, over all cores and processes."""
    user, nice, system, _idle, _wait, interrupts, soft, steal = map(
        int, Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + interrupts + soft + steal) / os.sysconf("SC_CLK_TCK")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--families", type=int, default=200)
    parser.add_argument("--shards", type=int, default=20)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
