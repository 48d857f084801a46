"""The HTTP face: JSON in, the same Api as gRPC, JSON out."""
