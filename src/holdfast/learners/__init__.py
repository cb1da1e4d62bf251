"""Learners: the designs, linear models and tree ensembles that churn and value are fitted with."""
