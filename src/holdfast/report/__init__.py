"""Reports: tables in, charts and pages out. Nothing here computes a prediction."""
