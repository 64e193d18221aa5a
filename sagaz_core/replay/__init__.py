"""Growing a new run from a recorded checkpoint: planned first, then done."""
