"""Says how the connector is installed: its dependencies, its command and the files it carries."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
PACKAGE = "source_stock_ticker"
DUCKDB = "duckdb>=1.2,<3"  # for destination/


def version() -> str:
    """The package's `__version__`, read as text: importing it would need the dependencies listed below."""
    text = (HERE / PACKAGE / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)[1]


class BuildWithSpec(build_py):
    """Puts spec.yaml into the build, so an installed connector has the file that a checkout has at the top."""

    def run(self) -> None:
        super().run()
        # An editable install runs from the checkout, where spec.yaml is already at the top level.
        if not getattr(self, "editable_mode", False):
            shutil.copy(HERE / "spec.yaml", Path(self.build_lib) / PACKAGE)


setup(
    name="source-stock-ticker",
    version=version(),
    description="Airbyte source connector for stock prices from the Massive (formerly Polygon.io) API",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="source-stock-ticker contributors",
    license="MIT",
    python_requires=">=3.10",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    # Adds nothing, but makes `pip install -e` name the folder in a .pth file. Otherwise it puts a program there, which
    # costs 13 ms at every start of Python.
    package_dir={"": "."},
    package_data={PACKAGE: ["schemas/*.json", "py.typed"]},
    cmdclass={"build_py": BuildWithSpec},
    install_requires=[
        "requests>=2.32,<3",
        # Comes with requests; named because runtime/http/client.py uses read1, which older versions lack.
        "urllib3>=2.6,<3",
        "msgspec>=0.20,<1",
        "jsonschema>=4.17,<5",
        "PyYAML>=6,<7",
        # Time zones. No upper bound: its version is a year, and the newest is always the right one.
        "tzdata",
    ],
    extras_require={
        "tests": [
            "pytest>=8,<10",
            "pytest-xdist>=3.8,<4",
            "responses>=0.25,<1",
            "hypothesis>=6.100,<7",
            "airbyte-protocol-models>=0.18,<1",
            "ruff>=0.9,<1",
            "mypy>=1.11,<3",
            "setuptools>=65",  # unit_tests/test_metadata.py asks this file for its version
            "types-requests>=2.31,<3",
            "types-jsonschema>=4.17,<5",
            "types-PyYAML>=6,<7",
            DUCKDB,
            "orjson>=3.9,<4",  # integration_tests/walks/test_benchmarks.py runs the benchmark's lower bound
        ],
        "sync": [DUCKDB],
        # `make sbom` and `make audit`: what the image installs, and what is known against it.
        "audit": ["cyclonedx-bom>=7.2,<8", "pip-audit>=2.9,<3"],
        # Airbyte's own packages, for two targets of the Makefile; PyAirbyte (airbyte) asks for a Python before 3.13.
        "acceptance": [
            "airbyte>=0.71,<1",
            "airbyte-cdk>=7.39,<8",
            "airbyte-connector-models>=0.1.12,<1",
            "matplotlib>=3.8,<4",
            "polars>=1,<2",  # for docs/recipes.md; pandas and pyarrow come with PyAirbyte
            "pytest>=8,<10",
        ],
        "benchmarks": ["pytest>=8,<10", "pytest-benchmark>=5,<6", "orjson>=3.9,<4"],
        # Zensical has no 1.0 yet. The rest is for docs/site/test_site.py, which looks at the site in Debian's chromium.
        "docs": ["zensical>=0.0.73,<0.1", "pytest>=8,<10", "selenium>=4.30,<5"],
        "engines": ["dagster>=1.11,<2", "kubernetes-validate>=1.31,<2", DUCKDB, "pytest>=8,<10", "ruff>=0.9,<1"],
        "example": ["airbyte>=0.71,<1", "matplotlib>=3.8,<4"],
    },
    # PyAirbyte and the standard image start the connector by this name.
    entry_points={"console_scripts": [f"source-stock-ticker={PACKAGE}:main"]},
)
