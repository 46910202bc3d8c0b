"""What the acceptance tests share, beside the fixtures of ../conftest.py: `api` is here the sandbox of the copy."""

import pytest
from project_copy import sandbox
from sandbox_api import SandboxApi


def pytest_configure(config: pytest.Config) -> None:
    for mark in ("image_tests: needs docker", "requires_creds: uses secrets/config.json"):  # the CDK's tests bear them
        config.addinivalue_line("markers", mark)


@pytest.fixture(scope="session")
def api() -> SandboxApi:
    return sandbox()


@pytest.fixture(scope="session")
def image(pytestconfig: pytest.Config) -> str:
    """Its name."""
    name = pytestconfig.getoption("--connector-image")
    return name or pytest.skip("no --connector-image names an image")
