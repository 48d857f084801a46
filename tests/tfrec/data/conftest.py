"""A dataset folder that a test may spoil."""

import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")


class Folder:
    """Writes files into a folder; `complete` writes a small dataset that is in order."""

    def __init__(self, path):
        self.path = path

    def write(self, name, content):
        content = content.encode() if isinstance(content, str) else content
        (self.path / name).write_bytes(content)
        return self.path

    def complete(self):
        self.write(
            "items.csv", "item_id,title,genres\na,Heat at Night,Crime|Thriller\nb,Toys Come Home,Comedy\n"
        )
        return self.write("interactions.csv", "user_id,item_id,timestamp\nu,a,1\nu,b,2\nv,b,3\n")


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)
