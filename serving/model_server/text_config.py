"""Reads the text-format protobuf files that the flags name."""

from typing import Any

from google.protobuf import text_format

from serving import wire
from serving.model_server.status import StatusError, invalid_argument


def read(path: str, kind: Any) -> Any:
    """The file as a message of class `kind`.

    Raises:
        StatusError: NOT_FOUND or INVALID_ARGUMENT, the file is missing or no such text.
    """
    try:
        with open(path, encoding="utf-8") as source:
            return text_format.Parse(source.read(), kind(), descriptor_pool=wire.POOL)
    except OSError as error:
        raise StatusError("NOT_FOUND", f"{path}: {error.strerror}") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        name = kind.DESCRIPTOR.full_name
        raise invalid_argument(f"Error parsing text-format {name}: {path}: {error}") from error


def single_model(name: str, base_path: str) -> Any:
    """The ModelServerConfig that --model_name and --model_base_path stand for."""
    config = wire.ModelServerConfig()
    config.model_config_list.config.add(name=name, base_path=base_path, model_platform="tensorflow")
    return config
