"""Every score beside simple baselines: protocol, metrics, intervals, comparison, report.

histories, targets -> protocol.rank_targets -> metrics -> document.metrics_document -> metrics.json
baselines -> rivals.rank_rivals ->    "                                             -> report.html
"""
