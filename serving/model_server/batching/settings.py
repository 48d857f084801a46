"""The parameters of dynamic batching, as a batching parameters file gives them."""

import os
from dataclasses import dataclass
from typing import Any

from serving.model_server.status import invalid_argument


@dataclass(frozen=True)
class Settings:
    """The parameters of a batching parameters file, with TensorFlow Serving's defaults. `timeout` is in
    seconds."""

    max_batch_size: int = 1000
    timeout: float = 0.0
    max_enqueued_batches: int = 10
    threads: int = os.cpu_count() or 1
    allowed_sizes: tuple[int, ...] = ()
    pad: bool = False
    split_large: bool = False
    max_execution_batch_size: int = 1000
    pool_name: str = "batch_threads"

    @classmethod
    def from_proto(cls, proto: Any) -> "Settings":
        """Settings of a BatchingParameters message.

        Raises:
            StatusError: INVALID_ARGUMENT, the allowed sizes do not increase up to the largest batch.
        """
        size = _value(proto, "max_batch_size", cls.max_batch_size)
        execution = _value(proto, "max_execution_batch_size", size)
        split = _value(proto, "enable_large_batch_splitting", False)
        allowed = tuple(proto.allowed_batch_sizes)
        largest = execution if split else size
        if allowed and (list(allowed) != sorted(set(allowed)) or allowed[-1] != largest):
            raise invalid_argument(
                "allowed_batch_sizes entries must be monotonically increasing, and the last one must match "
                "max_batch_size; "
                f"last entry was {allowed[-1]}; expected {largest}"
            )
        return cls(
            max_batch_size=size,
            timeout=_value(proto, "batch_timeout_micros", 0) / 1e6,
            max_enqueued_batches=_value(proto, "max_enqueued_batches", cls.max_enqueued_batches),
            threads=_value(proto, "num_batch_threads", cls.threads),
            allowed_sizes=allowed,
            pad=proto.pad_variable_length_inputs,
            split_large=split,
            max_execution_batch_size=execution,
            pool_name=_value(proto, "thread_pool_name", cls.pool_name),
        )

    @property
    def largest_run(self) -> int:
        """Rows that one run of the model may have."""
        return self.max_execution_batch_size if self.split_large else self.max_batch_size

    def rounded(self, size: int) -> int:
        """The smallest allowed size that holds `size` rows."""
        return next((allowed for allowed in self.allowed_sizes if allowed >= size), size)


def _value(proto: Any, name: str, default: Any) -> Any:
    return getattr(proto, name).value if proto.HasField(name) else default
