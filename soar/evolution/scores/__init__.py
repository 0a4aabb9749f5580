"""Programs that score: a number to maximise, or to minimise, in place of examples to explain."""
