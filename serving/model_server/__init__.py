"""An embedded model server that speaks TensorFlow Serving's gRPC and REST APIs, with its flags, codes and
messages.

    wire request → api (resolve, check) → manager (which version) → [batching] → saved_model (TensorFlow
    session) → wire response

A default for laptops, tests and small CPU services; for a GPU or heavy load run TensorFlow Serving itself:
nothing else changes.
"""
