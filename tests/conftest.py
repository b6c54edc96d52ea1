"""What tests of several folders share."""

import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# No deadlines: a test machine that is busy must not fail a test. Derandomised, so that a failure repeats.
settings.register_profile("attngan", deadline=None, derandomize=True)
settings.load_profile("attngan")

WEB = Path(__file__).parents[1] / "export" / "web"


@pytest.fixture(scope="session")
def installed() -> Path:
    """export/web, with what it needs from npm. Without Node, or that, tests fail: they are no tests otherwise."""
    assert shutil.which("node"), "node is missing; install Node 20 or newer"
    assert (WEB / "node_modules").is_dir(), f"{WEB}: node_modules is missing; run: npm ci in there"
    return WEB
