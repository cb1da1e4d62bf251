"""Is it honest? One suspicion a module, each answered from the data."""
