"""Ranking: what is known of a pair of history and candidate, and the model that orders candidates by it."""
