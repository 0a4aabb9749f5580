"""What a training can be told, and by default is."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from soar.core.errors import SoarError
from soar.core.options import Options
from soar.models.spec import ModelSpec

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

SAMPLED = ("mini", "hf")  # models that answer for single tokens while they learn

OF_LORA = ("alpha", "rslora", "target_modules")

# Found by measurement on domains: experiments/recipe.py, docs/training.md.
MINI: dict[str, Any] = {
    "rank": 32, "alpha": 32, "learning_rate": 1e-3, "epochs": 1, "batch_size": 16, "micro_batch_size": 8,
    "gradient_checkpointing": False,
}  # fmt: skip

# Options that older folders do not know, as they were then: so they leave no trace in what a folder claims.
LATER: dict[str, Any] = {
    "method": "sft", "share_prompts": False, "retain_weight": 1.0, "beta": 0.1, "sft_weight": 1.0,
    "rollouts": 16, "replay": None,
}  # fmt: skip
OF_METHOD = {  # options that others do not know
    "sft": ("share_prompts", "packing"), "dpo": ("beta", "sft_weight"), "tokens": ("rollouts", "replay"),
}  # fmt: skip

# Preference training: the rate of the RPS experiments, one pass; `mini` and its own rate, see docs/training.md.
DPO: dict[str, Any] = {"learning_rate": 1e-5, "epochs": 1, "batch_size": 16}
MINI_DPO: dict[str, Any] = {**MINI, "learning_rate": 1e-4, "micro_batch_size": 4}
# A policy gradient: one pass over the groups of a search, steps of 128 replies.
GRPO: dict[str, Any] = {"learning_rate": 1e-5, "epochs": 1, "batch_size": 128, "micro_batch_size": 8, "warmup": 0.0}
MINI_GRPO: dict[str, Any] = {**MINI, "learning_rate": 5e-4, "batch_size": 128, "micro_batch_size": 32, "warmup": 0.0}
# Single tokens: each golden solution is visited sixteen times, four in an update, at one rate.
TOKENS: dict[str, Any] = {"learning_rate": 1e-5, "epochs": 16, "batch_size": 4, "micro_batch_size": 1, "warmup": 0.0}
MINI_TOKENS: dict[str, Any] = {**MINI, "learning_rate": 5e-4, "epochs": 16, "batch_size": 4, "micro_batch_size": 4,
                               "warmup": 0.0}  # fmt: skip
USUAL = {  # of any model, of `mini`
    "sft": ({}, MINI), "dpo": (DPO, MINI_DPO), "grpo": (GRPO, MINI_GRPO), "tokens": (TOKENS, MINI_TOKENS),
}  # fmt: skip


class TrainingError(SoarError):
    """A training cannot begin, go on or end; the message says what to do."""


class TrainingConfig(Options):
    """Options of `soar.train`. Defaults: SOAR (ICML 2025), appendix; those of `mini` are its own.

    Attributes:
        method: how it is learnt: "sft" makes replies likelier, "dpo" the better one of each two, "grpo" those
            that are better than their group, "tokens" single tokens that lead to a right program.
        beta: of dpo: how much a margin between two replies counts, and so how soon it is wide enough.
        sft_weight: of dpo: α, the weight of the chosen replies' own loss; 0: none.
        rollouts: of tokens: continuations drawn of each token that is tried.
        replay: of tokens: folder of an earlier training, whose visits stand in for sampling where this one comes to the
            same places.
        rank: of the LoRA matrices (paper: 256, and 64 for the model of 123 billion parameters); "full": there are none,
            all weights are trained, which small models take less time for. Then the next three have no say.
        alpha: LoRA's numerator of the scale (paper: 32).
        rslora: scale by alpha/√rank instead of alpha/rank (rank-stabilised, Kalajdzievski 2023; paper: yes).
        target_modules: names of the linear layers that get LoRA matrices, or "all-linear" (paper: all projections).
        learning_rate: at its peak; linear warm-up, then a cosine down to zero (paper: 5e-5); of tokens
            the same throughout.
        warmup: share of the optimizer steps (paper: 0.1).
        weight_decay: of AdamW (paper: 0.05).
        retain_weight: of the KL to the base model on its own replies to other tasks, where such are given
            (`soar.train(..., retain=ROWS)`).
        epochs: times that every row is seen (paper: 3).
        batch_size: rows of an optimizer step (paper: 64).
        micro_batch_size: rows that go through the model together; gradients of several are added up (paper: 1).
        max_tokens: longest row, prompt and reply together; longer ones are left out. None: the model's window.
        precision: "auto" is bf16 where the hardware computes in it, else fp32; it is mixed with fp32 on the CPU.
        quantize: keep the base model in 4 bits (QLoRA, bitsandbytes); None: with CUDA above 15 billion parameters
            (paper: above 14B).
        packing: several rows in one sequence, none attending to another; None: with CUDA and flash attention.
        share_prompts: rows that share a prompt stand together in the order of rows, and their prompt goes through the
            model once (`soar.training.branches`): several times faster where a prompt has many rows.
        gradient_checkpointing: compute activations twice instead of storing them.
        unsloth: train with Unsloth's kernels; None: with CUDA where the package is installed.
        checkpoint_seconds: least time between two checkpoints; they never take more than a twentieth of the time.
        seed: of the LoRA matrices and the order of rows.
    """

    error: ClassVar[type[SoarError]] = TrainingError

    method: Literal["sft", "dpo", "grpo", "tokens"] = "sft"
    beta: float = Field(0.1, gt=0)
    sft_weight: float = Field(1.0, ge=0)
    rollouts: int = Field(16, ge=2)
    replay: str | None = None
    rank: Annotated[int, Field(ge=1)] | Literal["full"] = 256
    alpha: float = Field(32, gt=0)
    rslora: bool = True
    target_modules: tuple[str, ...] | Literal["all-linear"] = PROJECTIONS
    learning_rate: float = Field(5e-5, gt=0)
    warmup: float = Field(0.1, ge=0, le=1)
    weight_decay: float = Field(0.05, ge=0)
    retain_weight: float = Field(1.0, gt=0)
    epochs: int = Field(3, ge=1)
    batch_size: int = Field(64, ge=1)
    micro_batch_size: int = Field(1, ge=1)
    max_tokens: int | None = Field(None, ge=1)
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    quantize: bool | None = None
    packing: bool | None = None
    share_prompts: bool = False
    gradient_checkpointing: bool = True
    unsloth: bool | None = None
    checkpoint_seconds: float = Field(60, ge=0)
    seed: int = Field(0, ge=0)

    @property
    def full(self) -> bool:
        """Whether all weights are trained."""
        return self.rank == "full"

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.full:
            fields = type(self).model_fields
            given = [name for name in OF_LORA if getattr(self, name) != fields[name].default]
            if given:
                raise ValueError(f"{', '.join(given)} belong to LoRA matrices; rank 'full' has none")
            if self.quantize or self.unsloth:
                raise ValueError("rank 'full' trains the weights as they are: no quantize, no unsloth")
        return self

    @model_validator(mode="after")
    def _of_its_method(self) -> Self:
        fields = type(self).model_fields
        for method, names in OF_METHOD.items():
            given = [name for name in names if getattr(self, name) != fields[name].default]
            if given and self.method != method:
                raise ValueError(f"{', '.join(given)} belong to method {method}, this one is {self.method}")
        return self

    @model_validator(mode="after")
    def _share(self) -> Self:
        if self.share_prompts and self.packing:
            raise ValueError("share_prompts and packing are two ways to put rows into one sequence: choose one")
        return self

    @model_serializer(mode="wrap")
    def _said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in dump(self).items() if name not in LATER or value != LATER[name]}

    def check_model(self, model: str) -> None:
        """Raise TrainingError where what is trained could not be served: before anything is spent on it."""
        if self.full and ModelSpec.of(model).kind == "vllm":
            raise TrainingError(
                f"a vLLM server loads LoRA matrices, not whole weights: give a rank, such as 64, or hf: for {model}"
            )

        if self.method == "tokens" and (kind := ModelSpec.of(model).kind) not in SAMPLED:
            raise TrainingError(
                f"method tokens samples while it trains, with {' and '.join(SAMPLED)} models, not with {kind}: take "
                "hf: for the same weights"
            )

    @classmethod
    def for_model(cls, model: str, **changes: Any) -> Self:
        """Return the defaults for a model and `changes["method"]`, with `changes`: the paper's, or for `mini` its own.

        Raises:
            TrainingError: an option is unknown or out of range.
        """
        usual = USUAL.get(changes.get("method", "sft"), ({}, {}))[ModelSpec.of(model).kind == "mini"]
        return cls.of({**usual, **changes})
