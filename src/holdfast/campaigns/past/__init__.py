"""The past: what earlier campaigns say of the next, with a control and without."""
