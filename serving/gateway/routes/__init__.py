"""One file for each thing that can be asked over HTTP."""

from serving.gateway.routes import events, health, items, recommend, users

ROUTERS = (recommend.router, events.router, items.router, users.router, health.router)

__all__ = ["ROUTERS"]
