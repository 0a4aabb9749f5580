"""The same work on many machines: shards of a search on Ray."""
