"""Rules: what the owner of the shop decrees, in rules.yaml; checked when they are read, applied in the graph."""
