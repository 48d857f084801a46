"""Files that put a model server, a gateway and their watchers into production, and the sweep that measures how
requests are best batched on the machine at hand.

    compose.yaml            one machine
    kubernetes/             a cluster
    config/, grafana/       what both mount: models, batching, monitoring, alerts, a dashboard
    python -m serving.deploy.sweep --model_base_path MODELS/NAME --to serving/deploy/config
"""
