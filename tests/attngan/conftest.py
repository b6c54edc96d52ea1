"""The tiny set of pictures, as files and as an array."""

import pytest
from tiny_runs import untimed, write_pictures

from attngan.data import load_pictures


@pytest.fixture(scope="session", autouse=True)
def _untimed():
    with pytest.MonkeyPatch.context() as patch:
        untimed(patch)
        yield


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="session")
def pictures(folder):
    return load_pictures(folder, resolution=16, channels=3)
