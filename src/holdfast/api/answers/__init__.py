"""What comes out: each answer, field by field, so that a client can be generated of it.

Answers are written without these models; tests hold them against each other.
"""
