"""The `soar` command."""
