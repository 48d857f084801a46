"""Recall: two towers that share one vector space, the loss that trains them, and the index that searches it."""
