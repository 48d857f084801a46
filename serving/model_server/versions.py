"""Which versions of a model ought to be loaded: the numeric folders below its base path, chosen by the
version policy."""

import logging
import os
from collections.abc import Mapping
from typing import Any

log = logging.getLogger(__name__)

INT64_MAX = 2**63 - 1


def list_versions(base_path: str) -> dict[int, str] | None:
    """Version number → folder. None if the base path itself is missing, which skips the whole poll."""
    try:
        names = sorted(os.listdir(base_path))
    except OSError:
        return None
    versions: dict[int, str] = {}
    for name in names:
        number = _version_number(name)
        path = os.path.join(base_path, name)
        if number is None or not os.path.isdir(path):
            continue
        if number in versions:
            log.warning(
                "Duplicate version directories detected. Version %d was read from %s and %s.",
                number,
                name,
                versions[number],
            )
        versions.setdefault(number, path)
    return versions


def _version_number(name: str) -> int | None:
    """The version a folder name stands for ("00000123" → 123), or None."""
    if not (name.isascii() and name.isdigit()):
        return None
    number = int(name)
    return number if number <= INT64_MAX else None


def choose(versions: Mapping[int, str], policy: Any) -> dict[int, str]:
    """The aspired subset of `versions` under a ServableVersionPolicy; an unset policy means the latest
    one."""
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        return dict(versions)
    if kind == "specific":
        chosen = {number: versions[number] for number in policy.specific.versions if number in versions}
        missing = sorted(set(policy.specific.versions) - set(chosen))
        if missing or not chosen:
            log.warning("Version policy asks for versions that do not exist: %s.", missing)
        return chosen
    count = max(1, policy.latest.num_versions)
    return {number: versions[number] for number in sorted(versions)[-count:]}
