"""Compare float32 and bfloat16 in the multiplications of a small model, on one core.

    python bench/real/precision.py

Shapes are those of Qwen2.5-0.5B: the widest layer and the output head, for 1, 64 and 512 tokens.
Prints GFLOP/s by processor time, so that other work on the machine counts less. Choose a model's
`dtype` by it: isoglot's `auto` is the precision of the checkpoint, which may be either.
"""

import time

import torch

SHAPES = ((1, 896, 4864), (64, 896, 4864), (64, 896, 151936), (512, 896, 4864))
SECONDS = 1.0


def main() -> None:
    """Print a line for each shape."""
    torch.set_num_threads(1)
    read = getattr(torch.cpu, "get_capabilities", dict)
    print(", ".join(sorted(name for name, value in read().items() if value is True)))
    for shape in SHAPES:
        rates = [measure(*shape, dtype) for dtype in (torch.float32, torch.bfloat16)]
        single, half = rates
        print(
            f"{shape!s:18} float32 {single:6.1f}  bfloat16 {half:6.1f}  {half / single:.1f} times"
        )


@torch.inference_mode()
def measure(rows: int, inner: int, outer: int, dtype: torch.dtype) -> float:
    """Return the GFLOP/s of a product of (rows, inner) with a layer of (outer, inner)."""
    layer = torch.nn.Linear(inner, outer, bias=False, dtype=dtype)
    values = torch.randn(rows, inner, dtype=dtype)
    layer(values)
    started, num = time.process_time(), 0
    while (seconds := time.process_time() - started) < SECONDS:
        layer(values)
        num += 1
    return 2 * rows * inner * outer * num / seconds / 1e9


if __name__ == "__main__":
    main()
