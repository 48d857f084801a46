"""A `Config` of YAML files and of `--set stage.key=value`; what cannot be used is refused by name."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tfrec.config.config import Config


class ConfigError(ValueError):
    """Settings that cannot be used; the message names each key, what was expected and what was received."""


def make_config(values: dict[str, Any]) -> Config:
    """A `Config` from nested values.

    Raises:
        ConfigError: naming every key that is unknown or out of range.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, e['loc']))}: {e['msg']}. Received: {e['input']!r}" for e in error.errors()
        ]
        raise ConfigError("These settings cannot be used:\n" + "\n".join(lines)) from error


def load_config(path: str | Path | None = None, settings: tuple[str, ...] | list[str] = ()) -> Config:
    """Defaults, then a YAML file, then `stage.key=value` settings, each over the one before.

    Raises:
        ConfigError: for a file that is no mapping, a setting without `=` or with a broken value, or what `make_config`
            refuses.
    """
    values = _read_yaml(Path(path)) if path else {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise ConfigError(f"A setting has the form stage.key=value. Received: {setting!r}")
        _put(values, key.strip().split("."), _value(value, setting), setting)
    return make_config(values)


def _value(text: str, setting: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none
        raise ConfigError(f"The value of the setting {setting!r} cannot be read: {error}") from error


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"The config file {path} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(
            f"The config file {path} must hold a mapping of stages. Received: {type(values).__name__}"
        )
    return values


def _put(values: dict[str, Any], keys: list[str], value: Any, setting: str) -> None:
    for key in keys[:-1]:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise ConfigError(f"The setting {setting!r} goes into {key!r}, which is a value, not a stage.")
    values[keys[-1]] = value
