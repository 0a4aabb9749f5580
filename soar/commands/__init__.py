"""The commands of `soar`, one file for each or for a few of a kind."""
