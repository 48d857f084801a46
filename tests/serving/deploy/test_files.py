"""Deployment files fit other people's schemas, name each other's parts, and watch metrics that exist."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import promql_parser
import pytest
import yaml

from serving import wire
from serving.gateway import load_settings
from serving.gateway.monitoring import GatewayMetrics
from serving.model_server import text_config
from serving.model_server.batching import Settings
from serving.model_server.metrics import Metrics

DEPLOY = Path(__file__).parents[3] / "serving" / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
ALERTS = yaml.safe_load((DEPLOY / "config" / "alerts.yml").read_text())
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "recommender.json").read_text())
KUBERNETES_VERSION = "1.31"


def manifests() -> list[dict]:
    return [document for path in MANIFESTS for document in yaml.safe_load_all(path.read_text())]


def queries() -> list[str]:
    rules = [rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]]
    return rules + [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def test_compose_fits_its_schema():
    command = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml"]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_compose_mounts_files_that_exist():
    for service in COMPOSE["services"].values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert not source.startswith(".") or (DEPLOY / source).exists()
            assert source.startswith((".", "$")) or source in COMPOSE["volumes"]


def test_compose_runs_a_redis_that_the_gateway_takes():
    command = COMPOSE["services"]["redis"]["command"]
    settings = dict(zip(command[1::2], command[2::2], strict=True))
    assert (settings["--appendonly"], settings["--appendfsync"]) == ("yes", "always")
    settings = load_settings(DEPLOY / "config" / "gateway.yaml", [])
    assert settings.store_url.split("//")[1].split(":")[0] in COMPOSE["services"]
    assert settings.model.server.split(":")[0] in COMPOSE["services"]


@pytest.mark.parametrize("document", manifests(), ids=lambda d: f"{d['kind']}-{d['metadata']['name']}")
def test_manifests_fit_the_schemas_of_kubernetes(document):
    kubernetes_validate.validate(document, KUBERNETES_VERSION, strict=True)


def test_selectors_find_pods_and_names_find_objects():
    found = manifests()
    templates = [d["spec"]["template"] for d in found if d["kind"] in ("Deployment", "StatefulSet")]
    labels = [template["metadata"]["labels"] for template in templates]
    named = {(document["kind"], document["metadata"]["name"]) for document in found}
    for document in found:
        if document["kind"] in ("Service", "PodDisruptionBudget"):
            selector = document["spec"]["selector"]
            assert selector.get("matchLabels", selector) in labels
        if document["kind"] == "HorizontalPodAutoscaler":
            target = document["spec"]["scaleTargetRef"]
            assert (target["kind"], target["name"]) in named
    for template in templates:
        for volume in template["spec"].get("volumes", []):
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in named


def config_of(kind: str, name: str) -> dict[str, str]:
    return next(d["data"] for d in manifests() if (d["kind"], d["metadata"]["name"]) == (kind, name))


def test_servers_read_the_configs(tmp_path):
    kinds = {
        "models.config": wire.ModelServerConfig,
        "batching.config": wire.BatchingParameters,
        "monitoring.config": wire.MonitoringConfig,
    }
    cluster = config_of("ConfigMap", "model-config")
    for name, kind in kinds.items():
        (tmp_path / name).write_text(cluster[name])
        here = text_config.read(str(DEPLOY / "config" / name), kind)
        assert here == text_config.read(str(tmp_path / name), kind)  # one machine and a cluster alike
    settings = Settings.from_proto(
        text_config.read(str(tmp_path / "batching.config"), wire.BatchingParameters)
    )
    assert settings.pad  # histories differ in length
    (tmp_path / "gateway.yaml").write_text(config_of("ConfigMap", "gateway-config")["gateway.yaml"])
    load_settings(tmp_path / "gateway.yaml", [])


def exported_names() -> set[str]:
    """Every name that the gateway and the model server export, and Prometheus' own `up`."""
    gateway = {
        name
        for family in GatewayMetrics().registry.collect()
        for name in (family.name, f"{family.name}_total")
    }
    server = Metrics()
    server.count_request("m", "OK")
    server.observe_request("m", "Predict", "GRPC", 0.1)
    server.observe_batch("pool", [0.1])
    text = server.text()
    families = gateway | set(re.findall(r"# TYPE (\S+)", text))
    return {f"{name}{part}" for name in families for part in ("", "_bucket", "_sum", "_count")} | {"up"}


@pytest.mark.parametrize("query", queries())
def test_queries_are_promql_over_metrics_that_exist(query):
    promql_parser.parse(query)
    names = set(re.findall(r"(?<![\w:\"])(tfrec_gateway_\w+|:tensorflow:[\w:]+|up)(?=[\s{\[)]|$)", query))
    assert names
    assert names <= exported_names()


def test_the_autoscaler_has_its_metric():
    (scaler,) = [
        d for d in manifests() if d["kind"] == "HorizontalPodAutoscaler" and d["metadata"]["name"] == "model"
    ]
    wanted = scaler["spec"]["metrics"][0]["pods"]["metric"]["name"]
    (rule,) = yaml.safe_load(config_of("ConfigMap", "adapter-config")["config.yaml"])["rules"]
    assert rule["name"]["as"] == wanted
    query = rule["metricsQuery"].replace("<<.GroupBy>>", "pod").replace("<<.LabelMatchers>>", 'pod="p"')
    promql_parser.parse(query)
    assert set(re.findall(r":tensorflow:[\w:]+", query)) <= exported_names()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (package prometheus) is not installed")
def test_promtool_agrees():
    config = DEPLOY / "config" / "prometheus.yml"
    subprocess.run(["promtool", "check", "config", config], check=True, capture_output=True)


def test_the_gateway_image_holds_what_the_gateway_imports():
    """Every requirement is one of setup.py's, and no TensorFlow is loaded by the gateway."""
    setup = (DEPLOY.parents[1] / "setup.py").read_text()
    for line in (DEPLOY / "gateway-requirements.txt").read_text().split():
        assert f'"{line}' in setup
    modules = ", ".join(f"serving.gateway.{name}" for name in ("__main__", "commands", "histories"))
    code = f"import sys, {modules}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert {"tensorflow", "keras", "pandas", "tfrec", "scipy"} & set(loaded) == set()
