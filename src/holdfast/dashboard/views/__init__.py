"""One page a file; each has `show`, which draws it for the run that the reader chose."""
