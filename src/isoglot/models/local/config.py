"""Settings of a model with weights of one's own, on disk or on the hub, and of its engine."""

from typing import Literal

from pydantic import Field, JsonValue

from isoglot.core.protocols import Dtype
from isoglot.core.section import Section
from isoglot.core.thinking import ThoughtMarks


class VLLMSettings(Section):
    """The vLLM servers that isoglot starts for a model, and ends with the stage."""

    command: tuple[str, ...] = Field(("vllm", "serve"), min_length=1)
    """The command that starts a server, such as `[~/vllm/bin/vllm, serve]`."""
    replicas: int | None = Field(None, ge=1)
    """Servers with a copy of the model each, over which the requests are spread; by default one
    for every `tensor_parallel_size` accelerators that this process sees."""
    tensor_parallel_size: int = Field(1, ge=1)
    """Number of accelerators over which one copy of the model is split."""
    gpu_memory_utilization: float = Field(0.9, gt=0, le=1)
    """Share of an accelerator's memory to use; reduce it if another model runs there."""
    max_model_len: int | None = Field(None, ge=1)
    """Maximum tokens of prompt and completion together; by default the most that the memory of the
    server holds, up to the model's own."""
    quantization: str | None = None
    """A method of vLLM's, such as `fp8`; by default that of the checkpoint."""
    max_concurrency: int = Field(256, ge=1)
    """Requests in flight at each server; vLLM batches them as its memory allows."""
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    """Further arguments of the command under vLLM's names, such as `{enforce-eager: true}`."""
    start_seconds: float = Field(900, gt=0)
    """Patience until a server is healthy: it loads the weights and compiles."""
    max_restarts: int = Field(2, ge=0)
    """Number of times that a server that died is started again."""


WeightsEngine = Literal["auto", "transformers", "vllm"]


class WeightsConfig(Section):
    """A model with weights of one's own, which isoglot runs."""

    engine: WeightsEngine = "auto"
    """`transformers` runs it in this process, `vllm` in servers that isoglot starts. `auto` is vLLM
    where there are an accelerator and its command, and transformers elsewhere."""
    path: str
    """A local folder or a Hugging Face hub id; or a folder of PEFT adapters, which names its base
    model."""
    revision: str = "main"
    """Branch, tag or commit of a hub id; a local folder is identified by its content."""
    dtype: Dtype = "auto"
    """`auto` is the precision in which the checkpoint was saved, and float32 on a processor without
    instructions for bfloat16."""
    device: str = "auto"
    """`auto` spreads the model over the available accelerators; otherwise as in torch. Engine
    transformers only."""
    batch_tokens: int = Field(16_384, ge=1)
    """Upper bound of rows * (longest prompt + `max_new_tokens`) of a batch, in tokens. Engine
    transformers only."""
    format: Literal["chat", "plain"] = "chat"
    """`plain` gives the model the text of the prompt as it is, without the chat template: for base
    models, and for prompts whose worked examples are part of the text."""
    chat_template: str | None = None
    """A Jinja template, or a file with one, to use instead of the checkpoint's; a trained policy
    keeps it.
    One that begins with `{% set enable_thinking = false %}` and continues as Qwen3's does not
    think."""
    thought_marks: ThoughtMarks = "auto"
    """The marks around the model's thought: by default those of any known model; `qwen`,
    `deepseek`, `magistral`, `command-a` and `gpt-oss` name a family, `[<reason>, </reason>]` is a
    pair of one's own."""
    vllm: VLLMSettings = VLLMSettings()
    """Settings of engine vllm."""
