"""Does a server at host:port do what clients of TensorFlow Serving count on? Asks any server that serves an exported
recommender: the embedded one, or TensorFlow Serving itself.

    python -m serving.acceptance --grpc HOST:8500 --rest HOST:8501 --model recommender [--clients FOLDER]
    python -m serving.acceptance.environments FOLDER        # installs the clients that others wrote

A check is a function that raises `Failed`; the table says which did.
"""
