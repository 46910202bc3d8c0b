"""What the acceptance tests share, besides the fixtures of ../conftest.py. Here `api` is the copy's sandbox."""

import socketserver
import threading
from collections.abc import Iterator

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


@pytest.fixture(scope="module")
def internet() -> Iterator[list[bytes]]:
    """What commands ask of the internet: a proxy refuses it. No variable keeps them from asking."""
    asked: list[bytes] = []

    class Refuse(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked.append(self.rfile.readline())
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refuse) as proxy, pytest.MonkeyPatch.context() as patch:
        threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True).start()
        for name in ("HTTPS_PROXY", "https_proxy"):
            patch.setenv(name, f"http://127.0.0.1:{proxy.server_address[1]}")
        for name in ("DO_NOT_TRACK", "AIRBYTE_OFFLINE_MODE"):
            patch.delenv(name, raising=False)
        yield asked
        proxy.shutdown()
