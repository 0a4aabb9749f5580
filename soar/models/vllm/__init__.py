"""Models that a vLLM server serves, which is started where none runs."""
