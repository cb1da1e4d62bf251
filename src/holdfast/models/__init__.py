"""Models: estimators whose parts are bytes in open formats. A model is data, not code."""
