"""Ground for all: errors, options, seeded generators, incidents, files, processes, progress."""
