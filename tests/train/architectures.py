"""Tiny models of the architectures that users have, with special tokens and templates of their
shapes: hidden 16, one layer, the tokenizer of `tiny_model` with tokens of their own."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from tiny_model import SENTENCES

LLAMA = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content | trim }}<|eot_id|>{% endfor %}{% if add_generation_prompt %}"
    "<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
BLOOM = (
    "{% for m in messages %}{% if m.role == 'assistant' %} {{ m.content }}{{ eos_token }}"
    "{% else %}User: {{ m.content }}\nAssistant:{% endif %}{% endfor %}"
)
QWEN = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and loop.last %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}"
    "{{ '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}{% for m in messages %}"
    "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% elif m.role == 'assistant' %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)
COHERE = (
    "{{ bos_token }}{% for m in messages %}<|START_OF_TURN_TOKEN|>"
    "<|{{ {'assistant': 'CHATBOT', 'user': 'USER', 'system': 'SYSTEM'}[m.role] }}_TOKEN|>"
    "{{ m.content }}<|END_OF_TURN_TOKEN|>{% endfor %}{% if add_generation_prompt %}"
    "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{% endif %}"
)


class Shape(NamedTuple):
    """What tells one family of models from another, beside its layers."""

    model: str
    template: str | None
    bos: str | None
    eos: str
    ends: tuple[str, ...]
    """Beside eos, what its generation config has."""
    others: tuple[str, ...] = ()
    adds_bos: bool = True
    """The tokenizer begins a text with bos by itself."""
    own: Mapping[str, int] = MappingProxyType({})


SHAPES = {
    "llama": Shape(
        "Llama", LLAMA, "<|begin_of_text|>", "<|eot_id|>", ("<|end_of_text|>",),
        ("<|start_header_id|>", "<|end_header_id|>"),
    ),
    "bloom": Shape("Bloom", None, "<s>", "</s>", (), adds_bos=False),
    "qwen3": Shape(
        "Qwen3", QWEN, None, "<|im_end|>", ("<|endoftext|>",), ("<|im_start|>",), adds_bos=False,
        own={"head_dim": 8},
    ),
    "gemma3": Shape(
        "Gemma3", GEMMA, "<bos>", "<eos>", ("<end_of_turn>",), ("<start_of_turn>",),
        own={"head_dim": 8, "query_pre_attn_scalar": 8},
    ),
    "mistral": Shape("Mistral", MISTRAL, "<s>", "</s>", (), ("[INST]", "[/INST]")),
    "cohere2": Shape(
        "Cohere2", COHERE, "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", (),
        ("<|START_OF_TURN_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>", "<|SYSTEM_TOKEN|>"),
    ),
}  # fmt: skip


def trained_bpe() -> str:
    """The JSON of a byte-level BPE over a few sentences, without special tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        SENTENCES,
        trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False),
    )
    return bpe.to_str()


def tokenizer_of(shape: Shape, bpe: str) -> Any:
    from tokenizers import AddedToken, Tokenizer, processors
    from transformers import PreTrainedTokenizerFast

    special = [*filter(None, ("<pad>", shape.bos, shape.eos, *shape.ends, *shape.others))]
    inner = Tokenizer.from_str(bpe)
    inner.add_special_tokens(special)
    inner.add_tokens([AddedToken(tag, normalized=False) for tag in ("<think>", "</think>")])
    if shape.adds_bos:
        bos = (shape.bos, inner.token_to_id(shape.bos))
        inner.post_processor = processors.TemplateProcessing(
            single=f"{shape.bos} $A", special_tokens=[bos]
        )
    names = {"bos_token": shape.bos} if shape.bos else {}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token=shape.eos, **names
    )
    tokenizer.chat_template = shape.template
    return tokenizer


def save_model(folder: Path, shape: Shape, bpe: str) -> Path:
    """A random model with its tokenizer, as the family's checkpoints are stored."""
    import torch
    import transformers

    tokenizer = tokenizer_of(shape, bpe)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    wide = {"intermediate_size": 32, "num_key_value_heads": 1, "max_position_embeddings": 256}
    if shape.model == "Bloom":
        sizes, wide = {"hidden_size": 16, "n_layer": 1, "n_head": 2}, {}
    ids = {
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    text = "Text" if shape.model == "Gemma3" else ""
    config = getattr(transformers, f"{shape.model}{text}Config")(
        vocab_size=len(tokenizer), **sizes, **wide, **ids, **shape.own
    )
    torch.manual_seed(0)
    model = getattr(transformers, f"{shape.model}ForCausalLM")(config)
    ends = tokenizer.convert_tokens_to_ids([shape.eos, *shape.ends])
    model.generation_config.eos_token_id = ends if len(ends) > 1 else ends[0]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
