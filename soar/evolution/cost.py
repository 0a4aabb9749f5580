"""What a search may cost at most, said before it begins."""

from __future__ import annotations

import math
from dataclasses import dataclass

from soar.evolution.client import ModelClient
from soar.evolution.config import SearchConfig
from soar.evolution.plan import Plan, sampling
from soar.evolution.sizes import island_budget
from soar.models.openai.completions import estimated_tokens
from soar.models.openai.prices import Prices, dollars


@dataclass(frozen=True, slots=True)
class WorstCase:
    """Most tokens that a search can use, if no request has to be sent twice.

    Attributes:
        requests: sent, one per completion where the model gives one at a time.
        completions: asked for.
        prompt, output: tokens. Refinement prompts are not known before; they are taken to hold, beside the sampling
            prompt, attempts of the longest length and outputs as long as the sampling prompt.
    """

    requests: int
    completions: int
    prompt: int
    output: int

    def __str__(self) -> str:
        return (
            f"{self.completions:,} completions in {self.requests:,} requests, "
            f"up to {self.prompt:,} tokens read and {self.output:,} written"
        )


def worst_case(plan: Plan, client: ModelClient, config: SearchConfig) -> WorstCase:
    """Return the most that a plan can use; prompts are counted by the model, or estimated."""
    requests = prompt_tokens = output = 0
    prompts = [prompt for _, _, prompt in plan.work]
    lengths = client.model.count_tokens(prompts) or [estimated_tokens(prompt.text) for prompt in prompts]
    for (_, prompt_set, _), length in zip(plan.work, lengths, strict=True):
        limit = sampling(config, prompt_set).max_tokens
        size = config.samples_per_request or prompt_set.settings.samples_per_request
        shares = [island_budget(config.refinements, config.islands, island) for island in range(config.islands)]
        samples, refinements = config.samples, config.refinements
        if client.model.capabilities.n:
            samples = math.ceil(config.samples / size)
            refinements = sum(math.ceil(share / config.refinements_per_request) for share in shares)
        requests += samples + refinements
        prompt_tokens += samples * length + refinements * (2 * length + prompt_set.settings.parents * limit)
        output += (config.samples + config.refinements) * limit
    return WorstCase(requests, len(plan.work) * (config.samples + config.refinements), prompt_tokens, output)


def worst_case_text(worst: WorstCase, prices: Prices) -> str:
    """Return what a user should know before a search begins, a line."""
    return f"costs at most about {dollars(prices.cost(worst.prompt, worst.output))}: {worst}"
