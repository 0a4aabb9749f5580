"""The network that is trained: base weights, frozen, and LoRA matrices on them. Runs in the training process."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig

from soar.core.process import computes_bf16
from soar.training.config import TrainingConfig

QUANTIZED_ABOVE = 15e9  # parameters; models "of 14B" have up to 14.8 billion


def window_of(source: str) -> int:
    """Return the longest sequence that the model knows, in tokens."""
    return int(AutoConfig.from_pretrained(source).get_text_config().max_position_embeddings)


def uses_bf16(config: TrainingConfig) -> bool:
    """Tell whether to compute in bf16: asked for, or by default where the hardware has it."""
    return computes_bf16() if config.precision == "auto" else config.precision == "bf16"


def uses_packing(config: TrainingConfig) -> bool:
    """Tell whether to pack: asked for, or by default where flash attention makes it pay."""
    return has_flash_attention() if config.packing is None else config.packing


def has_flash_attention() -> bool:
    """Tell whether attention can run over packed rows without computing what lies between them."""
    return torch.cuda.is_available() and importlib.util.find_spec("flash_attn") is not None


def load_network(source: str, config: TrainingConfig, unsloth: bool, adapter: str | None, window: int) -> Any:
    """Return the base model in `source` with new LoRA matrices, or with those in folder `adapter` to go on from.

    Without LoRA, it is the model itself, in float32: updates are too small for 16 bits.
    """
    torch.manual_seed(config.seed)
    if config.full:
        cuda = torch.cuda.is_available()
        return AutoModelForCausalLM.from_pretrained(
            adapter or source, dtype=torch.float32, device_map={"": 0} if cuda else None
        )
    if unsloth and adapter is None:
        return _with_unsloth(source, config, window)
    base = _base(source, config)
    if adapter is not None:
        return PeftModel.from_pretrained(base, adapter, is_trainable=True)
    modules = config.target_modules if isinstance(config.target_modules, str) else list(config.target_modules)
    lora = LoraConfig(
        r=config.rank, lora_alpha=config.alpha, use_rslora=config.rslora, target_modules=modules, lora_dropout=0.0,
        bias="none", task_type="CAUSAL_LM",
    )  # fmt: skip
    return get_peft_model(base, lora)


def _base(source: str, config: TrainingConfig) -> Any:
    cuda = torch.cuda.is_available()
    # On the CPU weights stay in fp32: autocast mixes, and bf16 alone is slower there.
    dtype = torch.bfloat16 if cuda and uses_bf16(config) else torch.float32
    options: dict[str, Any] = {"dtype": dtype, "device_map": {"": 0} if cuda else None}
    if has_flash_attention():
        options["attn_implementation"] = "flash_attention_2"
    quantized = _quantized(source, config)
    if quantized:
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
        )
    base = AutoModelForCausalLM.from_pretrained(source, **options)
    if quantized:
        base = prepare_model_for_kbit_training(base, use_gradient_checkpointing=config.gradient_checkpointing)
    return base


def _quantized(source: str, config: TrainingConfig) -> bool:
    if config.quantize is not None or not torch.cuda.is_available():
        return bool(config.quantize)
    with torch.device("meta"):
        parameters: int = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(source)).num_parameters()
    return parameters > QUANTIZED_ABOVE


def _with_unsloth(source: str, config: TrainingConfig, window: int) -> Any:
    from unsloth import FastLanguageModel

    modules = config.target_modules if isinstance(config.target_modules, str) else list(config.target_modules)
    base, _ = FastLanguageModel.from_pretrained(
        source, max_seq_length=window, dtype=torch.bfloat16 if uses_bf16(config) else torch.float32,
        load_in_4bit=_quantized(source, config),
    )  # fmt: skip
    return FastLanguageModel.get_peft_model(
        base, r=config.rank, lora_alpha=config.alpha, use_rslora=config.rslora, target_modules=modules,
        lora_dropout=0.0, bias="none", random_state=config.seed, max_seq_length=window,
        use_gradient_checkpointing="unsloth" if config.gradient_checkpointing else False,
    )  # fmt: skip
