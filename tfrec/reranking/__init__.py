"""Re-ranking: what shapes a slate once relevance is known."""
