"""Recommendations that read: recall, ranking and re-ranking with a language model at every stage."""

__version__ = "0.1.0"
