"""From rows to an adapter: a training in a process of its own, which goes on after a kill."""
