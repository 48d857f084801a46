"""What is measured of requests and lists while they pass."""

from serving.gateway.monitoring.drift import Bins, Snapshot, observe
from serving.gateway.monitoring.metrics import GatewayMetrics

__all__ = ["Bins", "GatewayMetrics", "Snapshot", "observe"]
