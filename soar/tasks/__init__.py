"""What a task is, where it comes from, how it looks."""
