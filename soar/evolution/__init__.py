"""The search: sample, run, refine, until the budget is spent; one vote at the end."""
