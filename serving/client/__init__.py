"""Ask a served recommender: `Client("host:8500").recommend(user_id="u1", history=["a", "b"])`.

Works against TensorFlow Serving and against the embedded server alike, and needs neither TensorFlow nor
numpy.
"""

from serving.client.aio import AsyncClient, AsyncGrpcTransport, AsyncTransport
from serving.client.client import Client
from serving.client.errors import (
    AccessError,
    DeadlineError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    ServerError,
    ServingError,
    UnavailableError,
)
from serving.client.fake import FakeTransport
from serving.client.results import (
    Certified,
    Query,
    Recommendation,
    ScoredItem,
    Signature,
    Slate,
    Step,
    TensorSpec,
    VersionStatus,
)
from serving.client.transport import GrpcTransport, Transport

__all__ = [
    "AccessError",
    "AsyncClient",
    "AsyncGrpcTransport",
    "AsyncTransport",
    "Certified",
    "Client",
    "DeadlineError",
    "FakeTransport",
    "GrpcTransport",
    "InvalidRequestError",
    "NotFoundError",
    "OverloadedError",
    "Query",
    "Recommendation",
    "ScoredItem",
    "ServerError",
    "ServingError",
    "Signature",
    "Slate",
    "Step",
    "TensorSpec",
    "Transport",
    "UnavailableError",
    "VersionStatus",
]
