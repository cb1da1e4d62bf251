"""Training: what the models learn from, fitting them, and proving them on later cutoffs."""
