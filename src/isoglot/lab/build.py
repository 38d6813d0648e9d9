"""Build the models of the lab, from scratch or from the policy in the package, by a seed.

`policy` is the start of most recipes; `teacher` answers well in every language, `english` in
English and less well; `hasty` is a policy that often leaves out the working; `translator` is an
M2M100; `almanac` is a policy for the other world, of a hundred languages.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.core.environment import fast_bfloat16
from isoglot.core.errors import InputError
from isoglot.execute.folder import whole_folder
from isoglot.execute.progress import Bars
from isoglot.lab.almanac_corpus import almanac_corpus, almanac_texts
from isoglot.lab.corpus import (
    ENGLISH,
    HASTY,
    POLICY_MIXTURE,
    PREFILL,
    SUFFIX,
    TEACHER,
    PretrainingExample,
    corpus,
    corpus_texts,
)
from isoglot.lab.pretrain import Encoded, Loss, batches, padded, pretrain
from isoglot.lab.shipped import POLICY
from isoglot.lab.translator import (
    make_translator,
    translation_loss,
    translator_examples,
    translator_tokenizer,
)

PAD, END, ROLES = "<|pad|>", "<|end|>", ("system", "user", "assistant")
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


class TokenizerPlan(NamedTuple):
    """The texts and the size of a tokenizer."""

    texts: Callable[[int], Iterator[str]]
    vocabulary: int


class ModelPlan(NamedTuple):
    """The pre-training of a causal model of the lab."""

    corpus: Callable[[int], Iterator[PretrainingExample]]
    num_steps: int
    learning_rate: float
    hidden_size: int = 128
    num_layers: int = 4
    words: TokenizerPlan | None = None
    """Its own tokenizer; by default that of the policy in the package."""
    from_policy: bool = False
    """Start from the first layers of the policy in the package."""


_PLANS = {
    "policy": ModelPlan(
        partial(corpus, mixture=POLICY_MIXTURE), 3000, 4e-3, words=TokenizerPlan(corpus_texts, 3000)
    ),
    "teacher": ModelPlan(partial(corpus, mixture=TEACHER), 1500, 2e-3, from_policy=True),
    "hasty": ModelPlan(partial(corpus, mixture=HASTY), 1000, 3e-3, num_layers=3, from_policy=True),
    "english": ModelPlan(partial(corpus, mixture=ENGLISH), 800, 4e-3, hidden_size=64, num_layers=2),
    "almanac": ModelPlan(
        almanac_corpus,
        3000,
        8e-3,
        hidden_size=160,
        num_layers=3,
        words=TokenizerPlan(almanac_texts, 5000),
    ),
}

NAMES = (*_PLANS, "translator")
"""The models of `isoglot lab build`; a reward model is trained as any other, by `train reward`."""


def build(
    out: Path,
    model: str = "policy",
    *,
    seed: int = 0,
    num_steps: int | None = None,
    silent: bool = False,
) -> None:
    """Pre-train a model of `NAMES` into `out` (safetensors, tokenizer), minutes on two cores.

    Raises:
        InputError: `out` holds files, or an unknown name.
    """
    if model not in NAMES:
        raise InputError(f"the lab builds {', '.join(NAMES)}, not {model!r}: name one of them")
    import torch

    torch.manual_seed(seed)
    make = _translator if model == "translator" else partial(_causal, _PLANS[model])
    with whole_folder(out) as folder:
        made, tokenizer, examples, loss, total, rate = make(seed)
        total = num_steps or total
        steps = pretrain(made, batches(examples, seed), loss, total, rate)
        with Bars(silent=silent) as bars:
            bar = bars.bar(f"lab build {model}, seed {seed}", total)
            for step, _ in enumerate(steps, start=1):
                bar.reach(step)
        made.save_pretrained(folder)
        round_to_half(folder)
        tokenizer.save_pretrained(folder)


def round_to_half(folder: Path) -> None:
    """Round the saved weights to float16, half the room in the package; they load as float32.

    The config keeps its precision, by which they are loaded, computed with and trained on.
    """
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    weights = {name: weight.half() for name, weight in load_file(path).items()}
    save_file(weights, path, metadata={"format": "pt"})


_Training = tuple[Any, Any, Iterator[Encoded], Loss, int, float]
"""A model, its tokenizer, examples, loss, number of steps and learning rate."""


def _causal(plan: ModelPlan, seed: int) -> _Training:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    own = plan.words
    tokenizer = _tokenizer(seed, own) if own else AutoTokenizer.from_pretrained(POLICY)
    if plan.from_policy:
        model = AutoModelForCausalLM.from_pretrained(POLICY)
        model.model.layers = model.model.layers[: plan.num_layers]
        model.config.num_hidden_layers = plan.num_layers
    else:
        model = _llama(tokenizer, plan.hidden_size, plan.num_layers)
    examples = map(partial(_encode, tokenizer), plan.corpus(seed))
    return model, tokenizer, examples, _causal_loss, plan.num_steps, plan.learning_rate


def _translator(seed: int) -> _Training:
    from transformers import AutoTokenizer

    tokenizer = translator_tokenizer(AutoTokenizer.from_pretrained(POLICY))
    examples = translator_examples(tokenizer, seed)
    return make_translator(tokenizer), tokenizer, examples, translation_loss, 4000, 4e-3


def _tokenizer(seed: int, words: TokenizerPlan) -> Any:
    """Train a byte-level BPE, with a chat template."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=words.vocabulary,
        special_tokens=[PAD, END, *(f"<|{role}|>" for role in ROLES)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(words.texts(seed), trainer)
    tags = ("<text>", "</text>", PREFILL, SUFFIX)
    bpe.add_tokens([AddedToken(tag, normalized=False, special=False) for tag in tags])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token=PAD, eos_token=END, padding_side="left"
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _llama(tokenizer: Any, hidden_size: int, num_layers: int) -> Any:
    """Make a small Llama with random weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        hidden_size=hidden_size,
        num_hidden_layers=num_layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        intermediate_size=3 * hidden_size,
        max_position_embeddings=512,
    )
    return LlamaForCausalLM(config)


def _encode(tokenizer: Any, example: PretrainingExample) -> Encoded:
    """Return the token ids of the prompt, in the chat template, and of the answer with its end."""
    prompt = f"<|user|>{example.prompt}{END}<|assistant|>"
    bpe = tokenizer.backend_tokenizer
    return bpe.encode(prompt).ids, bpe.encode(example.answer + END).ids


def _causal_loss(model: Any, batch: list[Encoded]) -> Any:
    """Return the cross-entropy of the answers alone."""
    import torch
    from torch.nn.functional import cross_entropy

    ids = padded([prompt + answer for prompt, answer in batch], model.config.pad_token_id)
    mask = padded([[1] * len(prompt + answer) for prompt, answer in batch], 0)
    labels = padded([[-100] * len(prompt) + answer for prompt, answer in batch], -100)[:, 1:]
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast_bfloat16("cpu")):
        hidden = model.model(input_ids=ids, attention_mask=mask).last_hidden_state[:, :-1]
        answered = labels >= 0
        logits = model.lm_head(hidden[answered])
    return cross_entropy(logits.float(), labels[answered])
