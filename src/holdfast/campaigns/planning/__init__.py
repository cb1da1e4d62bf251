"""Planning: who gets which offer under a budget and capacities, and what it may return."""
