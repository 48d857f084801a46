"""Dynamic batching: requests that arrive together run as one, as TensorFlow Serving does it.

    Batched.run → one queue for each set of feeds and fetches → a batch thread merges, runs once, splits

Rows of different width are padded with the tensor's own FIRST element; a batch is filled up to an allowed
size with copies of a row of its last request.
"""

from serving.model_server.batching.batched import Batched
from serving.model_server.batching.scheduler import BatchScheduler
from serving.model_server.batching.settings import Settings

__all__ = ["BatchScheduler", "Batched", "Settings"]
