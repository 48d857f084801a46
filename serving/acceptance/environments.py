"""Installs clients that others wrote, each into an environment of its own: `python -m serving.acceptance.environments
FOLDER`. Needs pip's and npm's registries."""

import subprocess
import sys
import venv
from pathlib import Path

from google.protobuf import descriptor_pb2

from serving import wire

OVMS, NODE = "ovmsclient", "grpc-js"
OVMS_PACKAGES = ["ovmsclient==2023.1"]
NODE_PACKAGES = ["@grpc/grpc-js@1", "@grpc/proto-loader@0.8"]


def install(folder: Path) -> None:
    """Makes both environments; npm's scripts are not run."""
    venv.create(folder / OVMS, with_pip=True)
    python = folder / OVMS / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *OVMS_PACKAGES], check=True)
    (folder / NODE).mkdir(parents=True, exist_ok=True)
    npm = ["npm", "install", "--prefix", str(folder / NODE), "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run([*npm, *NODE_PACKAGES], check=True)


def write_descriptors(folder: Path) -> Path:
    """The wire's messages as a FileDescriptorSet, the form in which gRPC stacks exchange them."""
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}

    def add(name: str) -> None:
        found = wire.POOL.FindFileByName(name)
        for needed in found.dependencies:
            add(needed.name)
        proto = descriptor_pb2.FileDescriptorProto()
        found.CopyToProto(proto)
        files.setdefault(name, proto)

    add(wire.POOL.FindMessageTypeByName("tensorflow.serving.PredictRequest").file.name)
    path = folder / "wire.descriptors"
    path.write_bytes(descriptor_pb2.FileDescriptorSet(file=files.values()).SerializeToString())
    return path


if __name__ == "__main__":
    install(Path(sys.argv[1]))
