"""`python -m serving.acceptance`: asks a server everything and prints the table; exit code 1 if a check failed."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from serving.acceptance import foreign_checks, grpc_checks, rest_checks
from serving.acceptance.check import Target, run, table


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grpc", default="127.0.0.1:8500", metavar="HOST:PORT")
    parser.add_argument("--rest", default="", metavar="HOST:PORT")
    parser.add_argument("--model", default="recommender", help="an exported recommender's name on the server")
    parser.add_argument("--clients", type=Path, help="the folder of serving.acceptance.environments")
    options = parser.parse_args(arguments)
    target = Target(options.grpc, options.rest, options.model, options.clients)
    checks = [*grpc_checks.CHECKS, *rest_checks.CHECKS, *foreign_checks.CHECKS]
    outcomes = run(checks, target)
    print(table(outcomes))
    return int(any(outcome.state == "failed" for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
