"""The standard tests of Airbyte's CDK, on a connector that is made without the CDK.

They come with a plug-in that pytest must be told of, as `make acceptance` does:
-p airbyte_cdk.test.standard_tests.pytest_hooks
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.test import entrypoint_wrapper
from airbyte_cdk.test.standard_tests import ConnectorTestScenario, SourceTestSuiteBase
from project_copy import busy_year, project


class CommandLine:
    """Stands where the suite wants an object of a CDK class; the commands for it go to a process, see below."""

    def spec(self, logger: object) -> object:
        raise NotImplementedError  # the suite asks whether there is such a method; it does not call it


# Of these the CDK only warns today, and says that they will be errors.
@pytest.mark.filterwarnings("error:The discovered catalog has problems")
class TestSourceStockTicker(SourceTestSuiteBase):
    connector = CommandLine

    @pytest.fixture(autouse=True)
    def _by_the_command_line(
        self, monkeypatch: pytest.MonkeyPatch, connect: Callable[[str], Any], tmp_path: Path
    ) -> None:
        """Run each command as a process, as the platform does, where the suite would call methods of a CDK class."""
        connector = connect("")
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # the suite leaves its files there

        def run(source: CommandLine, args: list[str], **_: Any) -> entrypoint_wrapper.EntrypointOutput:
            done = connector.run(*args)  # each line, stderr, and whether the key got out, are judged there
            assert bool(done.exit_code) == bool(done.errors())
            return entrypoint_wrapper.EntrypointOutput(done.lines, command=args)

        monkeypatch.setattr(entrypoint_wrapper, "_run_command", run)

    @pytest.fixture(autouse=True)
    def _on_this_network(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """For the tests of the image: let their containers find the sandbox, which listens on this machine only."""
        if request.node.get_closest_marker("image_tests"):
            docker = tmp_path / "docker"
            docker.write_text(
                f'#!/bin/sh\n[ "$1" = run ] && shift && set -- run --network host "$@"\n'
                f'exec {shutil.which("docker")} "$@"\n'
            )
            docker.chmod(0o755)
            monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    @classmethod
    def get_connector_root_dir(cls) -> Path:
        return project()

    @classmethod
    def get_scenarios(cls) -> list[ConnectorTestScenario]:
        """Those of acceptance-test-config.yml, and one in whose days every stream has rows."""
        all_streams = ConnectorTestScenario(config_path=busy_year())
        return [*super().get_scenarios(), all_streams]
