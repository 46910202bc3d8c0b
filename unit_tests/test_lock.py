"""Checks that requirements.lock, from which the image is installed, is exactly what setup.py requires."""

from __future__ import annotations

import ast
import re
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
# name==version \  and, on the lines that follow, the hashes of its files
LOCKED = {canonicalize_name(name): version for name, version in re.findall(r"^(\S+)==(\S+)", LOCK, re.MULTILINE)}
IMAGE = {"python_version": "3.13", "python_full_version": "3.13.0", "sys_platform": "linux", "extra": ""}


def asked_for() -> list[Requirement]:
    """install_requires of setup.py."""
    tree = ast.parse((ROOT / "setup.py").read_text("utf-8"))
    keywords = (word for node in ast.walk(tree) if isinstance(node, ast.Call) for word in node.keywords)
    (value,) = (word.value for word in keywords if word.arg == "install_requires")
    return [Requirement(text) for text in ast.literal_eval(value)]


def dependencies(name: str) -> list[Requirement]:
    """What an installed package requires on the image's Python."""
    try:
        found = [Requirement(text) for text in requires(name) or ()]
    except PackageNotFoundError:
        pytest.skip(f"{name} is not installed here")
    return [one for one in found if one.marker is None or one.marker.evaluate(IMAGE)]


@pytest.mark.parametrize("requirement", asked_for(), ids=str)
def test_the_lock_keeps_to_the_bounds_of_setup_py(requirement: Requirement) -> None:
    assert requirement.specifier.contains(LOCKED[canonicalize_name(requirement.name)]), "run `make lock`"


@pytest.mark.parametrize("name", sorted(LOCKED))
def test_what_a_locked_package_needs_is_locked_too(name: str) -> None:
    missing = {canonicalize_name(one.name) for one in dependencies(name)} - set(LOCKED)
    assert missing == set(), "run `make lock`"


def test_only_what_is_needed_is_locked() -> None:
    needed = {canonicalize_name(one.name) for one in asked_for()}
    for _ in LOCKED:
        needed |= {canonicalize_name(one.name) for name in needed for one in dependencies(name)}
    assert set(LOCKED) == needed


def test_every_locked_version_has_hashes_and_none_an_address() -> None:
    entries = re.split(r"^(?=\S+==)", re.sub(r"^ *#.*\n", "", LOCK, flags=re.MULTILINE), flags=re.MULTILINE)
    assert [entry for entry in entries if entry.strip() and "--hash=sha256:" not in entry] == []
    assert "://" not in LOCK


def test_the_image_is_installed_from_the_lock_and_nothing_else() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    first, second = re.findall(r"pip install .*", dockerfile)
    assert "--require-hashes" in first
    assert "requirements.lock" in first
    assert "--no-deps" in second
    assert "--no-build-isolation" in second
