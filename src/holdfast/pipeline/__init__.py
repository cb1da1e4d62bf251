"""The pipeline: one verb a module; the only package that knows both the core and io."""
