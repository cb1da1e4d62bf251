"""Setup: a first study proposed from a file, and a simulated shop to try things on."""
