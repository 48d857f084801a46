"""The gateway: HTTP in front of a model server, with a memory of what users did a moment ago.

browser or shop → routes → what is remembered (serving.feature_store) → model (serving.client) → list
                      ↘ events → memory, log                              ↘ log of lists
"""

from serving.gateway.app import create_app
from serving.gateway.settings import GatewayError, GatewaySettings, load_settings

__all__ = ["GatewayError", "GatewaySettings", "create_app", "load_settings"]
