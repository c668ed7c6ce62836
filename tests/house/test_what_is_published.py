"""Nothing in the project names a package host, a machine's folders, or a secret; the locks are whole and silent."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch

import pytest

from tests.house.source import PACKAGES, ROOT, files

FORBIDDEN = {
    "package host": re.compile(
        r"pypi\.org|pythonhosted\.org|registry\.npmjs\.org|registry\.yarnpkg\.com|repo1?\.maven\.org"
        r"|--(?:extra-)?index-url|--find[-]links|PIP_INDEX[_]URL|PIP_FIND[_]LINKS"
    ),
    "machine folder": re.compile(r"(?<![\w.*-])/(?:root|work|Users)/|(?<![\w.-])/home/[a-z]|/opt[/]wheels"),
    "private key": re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/]|\"d\"\s*:\s*\"[\w-]{40,}\""
    ),
    "signed token": re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"),
    "access key": re.compile(r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|xox[abpr]-[\w-]{10,}"),
}
_PINNED = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; (.+?))? \\$")
_DIGEST = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")
LOCKS = ("requirements.lock", "requirements-dev.lock")


def forbidden_in(text: str) -> list[str]:
    """Kinds of what must not be published that a text holds."""
    return [kind for kind, pattern in FORBIDDEN.items() if pattern.search(text)]


def read_lock(name: str) -> dict[str, str]:
    """Package to version of a lock file."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {found[1]: found[2] for line in lines if (found := _PINNED.match(line))}


def _package_name(requirement: str) -> str:
    return re.split(r"[\[><=; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def _project() -> dict[str, object]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def test_nothing_that_must_not_be_published_is_in_a_file() -> None:
    found = {}
    for path in files():
        kinds = forbidden_in(path.read_bytes().decode("utf-8", errors="replace"))
        if kinds:
            found[str(path.relative_to(ROOT))] = kinds
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        "https://" + "pypi" + ".org/simple",
        "--" + "find-links x",
        "cd /" + "root/x",
        "/" + "home/me/x",
        '"d": "' + "a" * 43 + '"',
        "-----BEGIN " + "PRIVATE KEY-----\nMIIB",
        "eyJ" + "a" * 20 + ".eyJ" + "b" * 20 + "." + "c" * 40,
    ],
)
def test_control_what_must_not_be_published_is_found(text: str) -> None:
    assert forbidden_in(text)


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_is_a_version_or_a_digest(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines[1:] if not _PINNED.match(line) and not _DIGEST.match(line)] == []
    assert lines[0].startswith("# ")


def test_the_locks_agree() -> None:
    runtime, development = (read_lock(name) for name in LOCKS)
    assert runtime.items() <= development.items()


def test_everything_asked_for_is_locked() -> None:
    project = _project()
    runtime = {_package_name(one) for one in project["project"]["dependencies"]}  # type: ignore[index]
    tools = {_package_name(one) for one in project["dependency-groups"]["dev"]}  # type: ignore[index]
    assert runtime - read_lock(LOCKS[0]).keys() == set()
    assert tools - read_lock(LOCKS[1]).keys() == set()


def test_every_dependency_has_its_reason() -> None:
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    asked = [line for line in lines if re.match(r'    "[a-z0-9\[\]-]+>=', line)]
    assert asked
    assert [line for line in asked if not re.search(r'",\s+# \S', line)] == []


def test_every_data_file_travels_in_the_package() -> None:
    patterns = _project()["tool"]["setuptools"]["package-data"]["*"]  # type: ignore[index]
    data = [
        path.relative_to(ROOT)
        for path in files()
        if path.relative_to(ROOT).parts[0] in PACKAGES and path.suffix not in {".py", ".md"}
    ]
    assert [str(path) for path in data if not any(fnmatch(path.name, pattern) for pattern in patterns)] == []
