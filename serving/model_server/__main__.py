"""`python -m serving.model_server`: the process. TensorFlow's heavy package is kept out before anything
imports it."""

import os
import sys

from serving.model_server import bare_tensorflow, flags
from serving.model_server.status import StatusError


def main(argv: list[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT and returns the exit code: 255 if it could not start."""
    options = flags.parser().parse_args(argv)
    try:
        flags.check(options)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        bare_tensorflow.install()
        from serving.model_server.server import run

        return run(options)
    except StatusError as error:
        print(f"Failed to start server. Error: {error}", flush=True)
        return 255


if __name__ == "__main__":
    sys.exit(main())
