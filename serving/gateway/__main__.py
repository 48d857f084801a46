"""`tfrec gateway serve`: the process."""

import logging
import sys
from pathlib import Path

import uvicorn

from serving.gateway.app import create_app
from serving.gateway.services import check_access
from serving.gateway.settings import GatewaySettings, load_settings

MAX_CONNECTIONS = 2_000
KEEP_ALIVE_SECONDS = 30


def serve(settings: GatewaySettings) -> None:
    """Serves until SIGTERM or SIGINT, then finishes what is in work.

    Raises:
        GatewayError: it cannot start as it is set.
    """
    check_access(settings)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        access_log=False,  # it would write paths, and paths hold user ids
        log_config=None,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    serve(load_settings(Path(sys.argv[1]) if len(sys.argv) > 1 else None, sys.argv[2:]))
