"""Makes the lab's policy: a byte-level BPE tokenizer and a small Llama, pre-trained from scratch.

Plain torch and not a trainer of TRL, which starts from a model that is there. Everything follows
from the seed; the result lies in the package.
"""

import shutil
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from isoglot.execute.progress import Bars
from isoglot.lab.corpus import PREFILL, SUFFIX, Example, corpus
from isoglot.lab.world import LANGUAGES, problems, say_problem, sentences

POLICY = Path(__file__).parent / "policy"
"""The checkpoint in the package."""

VOCABULARY = 3000
SIZES = {
    "hidden_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "intermediate_size": 384,
    "max_position_embeddings": 512,
}
NUM_STEPS, BATCH_TOKENS, LEARNING_RATE, WARMUP_STEPS = 3000, 3000, 4e-3, 100

PAD, END, ROLES = "<|pad|>", "<|end|>", ("system", "user", "assistant")
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def build(out: Path, *, seed: int = 0, num_steps: int = NUM_STEPS, silent: bool = False) -> None:
    """Pre-train a policy into `out` (safetensors, tokenizer), about 15 minutes on two cores.

    Raises ValueError where something stands at `out`.
    """
    if out.exists():
        raise ValueError(f"{out} is already there: choose another --out")
    import torch

    torch.manual_seed(seed)
    tokenizer = make_tokenizer(seed)
    model = make_model(tokenizer)
    with Bars(silent=silent) as bars:
        bar = bars.bar(f"lab build, seed {seed}", num_steps)
        for step, _ in enumerate(pretrain(model, tokenizer, seed, num_steps), start=1):
            bar.reach(step)
    temporary = out.with_name(f".{out.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    model.save_pretrained(temporary)
    tokenizer.save_pretrained(temporary)
    temporary.rename(out)


def make_tokenizer(seed: int) -> Any:
    """Byte-level BPE over the languages of the lab, with a chat template."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, END, *(f"<|{role}|>" for role in ROLES)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(_texts(seed), trainer)
    tags = ("<text>", "</text>", PREFILL, SUFFIX)
    bpe.add_tokens([AddedToken(tag, normalized=False, special=False) for tag in tags])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token=PAD, eos_token=END, padding_side="left"
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _texts(seed: int) -> Iterator[str]:
    """As many sentences of every language, so that none is cut into more tokens than another."""
    for problem in problems("train", seed=-1 - seed, num=3000):
        for language in LANGUAGES:
            yield from say_problem(problem, language)
    for language in LANGUAGES:
        words = [word for row in sentences(language)["categories"].values() for word in row]
        yield from (f"{word}, {word}, {word}" for word in words * 20)
    for example in islice(corpus(seed), 20_000):
        yield from (example.prompt, example.answer)


def make_model(tokenizer: Any) -> Any:
    """A Llama of about 1.2 M parameters, with random weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        **SIZES,
    )
    return LlamaForCausalLM(config)


def pretrain(model: Any, tokenizer: Any, seed: int, num_steps: int) -> Iterator[float]:
    """Train in place, and give the loss after each step.

    Muon for the matrices (Jordan et al. 2024), AdamW for embeddings and norms; the rate falls to 0.
    """
    import torch
    from torch.nn.functional import cross_entropy

    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    optimizers = [
        torch.optim.Muon(
            matrices, lr=LEARNING_RATE, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(others, lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    model.train()
    for step, batch in enumerate(islice(batches(tokenizer, seed), num_steps)):
        rate = LEARNING_RATE * min(1.0, (step + 1) / WARMUP_STEPS) * (1 - step / num_steps)
        inputs, labels = collate(batch, tokenizer.pad_token_id)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast_bfloat16()):
            hidden = model.model(**inputs).last_hidden_state[:, :-1]
            answered = labels[:, 1:] >= 0
            logits = model.lm_head(hidden[answered])
        loss = cross_entropy(logits.float(), labels[:, 1:][answered])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad()
        yield loss.item()
    model.eval()


def fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware; elsewhere it is the slower one."""
    import torch

    return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))


def batches(tokenizer: Any, seed: int) -> Iterator[list[tuple[list[int], list[int]]]]:
    """Batches of about `BATCH_TOKENS`, of examples of like length: little is spent on padding."""
    import random

    rng = random.Random(f"batches-{seed}")
    examples = map(partial(encode, tokenizer), corpus(seed))
    while True:
        window = sorted(islice(examples, 3000), key=lambda e: len(e[0]) + len(e[1]))
        packed, batch = [], []
        for prompt, answer in window:
            batch.append((prompt, answer))
            if len(batch) * (len(prompt) + len(answer)) >= BATCH_TOKENS:
                packed.append(batch)
                batch = []
        rng.shuffle(packed)
        yield from packed


def encode(tokenizer: Any, example: Example) -> tuple[list[int], list[int]]:
    """Token ids of the prompt, in the chat template, and of the answer with its end."""
    prompt = f"<|user|>{example.prompt}{END}<|assistant|>"
    bpe = tokenizer.backend_tokenizer
    return bpe.encode(prompt).ids, bpe.encode(example.answer + END).ids


def collate(batch: list[tuple[list[int], list[int]]], pad: int) -> tuple[dict[str, Any], Any]:
    """Right-padded inputs, and labels that are -100 but on the answers; shapes (B, T)."""
    import torch

    shape = (len(batch), max(len(prompt) + len(answer) for prompt, answer in batch))
    ids, labels = torch.full(shape, pad), torch.full(shape, -100)
    mask = torch.zeros(shape, dtype=torch.long)
    for row, (prompt, answer) in enumerate(batch):
        end = len(prompt) + len(answer)
        ids[row, :end] = torch.tensor(prompt + answer)
        labels[row, len(prompt) : end] = torch.tensor(answer)
        mask[row, :end] = 1
    return {"input_ids": ids, "attention_mask": mask}, labels
