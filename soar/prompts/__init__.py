"""From a task to messages within a window; the templates are in the top-level folder prompts/."""
