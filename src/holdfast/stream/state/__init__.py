"""The state of a stream in PostgreSQL: what was taken in, and what it was folded to."""
