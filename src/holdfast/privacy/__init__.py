"""Privacy: what is held about a person, and taking a person out of everything."""
