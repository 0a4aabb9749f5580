"""Every attempt, on disk: append-only, and open to readers while it is written."""
