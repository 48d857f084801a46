"""What is kept for training: lists served and events, as Parquet."""

from serving.gateway.log.journal import Journal
from serving.gateway.log.tables import EVENTS, IMPRESSIONS

__all__ = ["EVENTS", "IMPRESSIONS", "Journal"]
