"""How much faster are two workers than one? `generate` on Ray, on one machine.

Run from the root of the repository, on a machine that does nothing else:

    OMP_NUM_THREADS=1 python bench/workers.py --families 200 --json runs/bench-workers.json

The lab's policy answers the lab's prompts in every language of `lidr-lab`, with one thread for each
worker. Ray is started once, before the clock; each measurement starts its own workers, which import
torch and load the model. `made` leaves that start out: the time from the end of the first shards,
by the times of the files, for as many shards as there are. The shards of all numbers of workers
must be the same bytes.
"""

import argparse
import json
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

ROW = "{:>8} {:>9} {:>9} {:>9}"


def main() -> None:
    args = _arguments()
    os.environ |= {"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    import ray

    ray.init("local", num_cpus=max(args.workers), log_to_driver=False, logging_level="CRITICAL",
             include_dashboard=False)  # fmt: skip
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before; seconds")
    print(ROW.format("workers", "wall", "made", "speed-up"))
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="bench-workers-") as scratch:
        job, prompts = lab_job(args.families, Path(scratch))
        for num in args.workers:
            row = measure(job, prompts, num, Path(scratch) / str(num))
            row["speed_up"] = rows[0]["made"] / row["made"] if rows else 1.0
            rows.append(row)
            numbers = (f"{row[key]:.2f}" for key in ("wall", "made", "speed_up"))
            print(ROW.format(num, *numbers), flush=True)
        assert len({row.pop("shards") for row in rows}) == 1, "the shards are not the same bytes"
    ray.shutdown()
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps({"rows": rows}, indent=2) + "\n")


def lab_job(families: int, scratch: Path) -> tuple[Any, Path]:
    """The first round of `lidr-lab`, and the folder of its prompts in 20 shards."""
    from isoglot.config import load_recipe
    from isoglot.job import Job
    from isoglot.stages import make_prompts

    sizes = [f"prompts.num_families={families}", f"families_per_shard={max(1, families // 20)}"]
    recipe = load_recipe("lidr-lab", [*sizes, "policy.device=cpu"])
    job = Job(recipe, 0, recipe.policy.path, silent=True)
    make_prompts(job, scratch / "prompts")
    return job, scratch / "prompts"


def measure(job: Any, prompts: Path, num_workers: int, out: Path) -> dict[str, Any]:
    """One pass of `generate`; `shards` is what it wrote."""
    from isoglot.core.store import shard_paths
    from isoglot.execute.ray import map_shards_on_ray
    from isoglot.prompting import run_sampler

    start = time.perf_counter()
    run_sampler(
        prompts,
        job.sampler,
        job.recipe.generate.sampling,
        out,
        title="generate",
        silent=True,
        executor=partial(map_shards_on_ray, num_workers=num_workers),
    )
    wall = time.perf_counter() - start
    times = sorted(path.stat().st_mtime for path in shard_paths(out))
    # From the end of each worker's first shard: what stands before is the start of the workers.
    made = (times[-1] - times[num_workers - 1]) / (len(times) - num_workers) * len(times)
    shards = b"".join(path.read_bytes() for path in shard_paths(out))
    return {"workers": num_workers, "wall": wall, "made": made, "shards": shards}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How much faster are two workers than one?")
    parser.add_argument("--families", type=int, default=200)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
