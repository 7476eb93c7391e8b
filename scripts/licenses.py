"""The licences of all dependencies, as they declare them: `make licenses` writes the table.

It is read from the metadata of the installed packages, which are those of requirements.lock, and
written to LICENSES-THIRD-PARTY.md.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "LICENSES-THIRD-PARTY.md"

# Markers are read for one machine, so that the table does not depend on who writes it.
MACHINE = {
    "python_version": "3.11",
    "python_full_version": "3.11.0",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "os_name": "posix",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}

# Words that packages use where they give no SPDX expression.
SPDX = {
    "Apache 2.0": "Apache-2.0",
    "Apache License": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "BSD License": "BSD",
    "GNU General Public License (GPL)": "GPL",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
WORDS = set(SPDX.values()) | {"BSD-3-Clause", "BSD"}

TITLES = {
    "run": "Needed to run",
    "cluster": "Extra `cluster`",
    "bench": "Extra `bench`",
    "docs": "Extra `docs`",
    "dev": "Extra `dev`",
}

HEAD = """\
# Licences of dependencies

opendicke itself is under the [BSD 3-clause license](LICENSE) and contains no code of others. What
it needs is installed beside it, by name. This page lists the packages of `requirements.lock` with
the licence that each declares in its metadata; the text lies in each package. "BSD" stands where a
package says no more than that. Compiled packages bring further libraries, such as OpenBLAS, whose
licences lie in them, too.

`make licenses` writes this page; a test compares it with what is installed.
"""


def licence(package: Distribution) -> str:
    """SPDX expression of a package, or its own words in the spelling of SPDX."""
    told = package.metadata
    expression = told.get("License-Expression")
    if expression:
        return str(expression)
    line = str(told.get("License") or "").strip()
    if SPDX.get(line, line) in WORDS:
        return SPDX.get(line, line)
    words = [
        entry.split(" :: ")[-1]
        for entry in told.get_all("Classifier") or []
        if entry.startswith("License ::")
    ]
    if words:
        return "; ".join(SPDX.get(word, word) for word in words)
    return line.splitlines()[0] if line else "not declared"


def closure(wanted: Iterable[str]) -> set[str]:
    """Names of all packages that these requirements bring, by the metadata of what is installed."""
    found: set[tuple[str, str]] = set()
    queue = [Requirement(text) for text in wanted]
    while queue:
        asked = queue.pop()
        for extra in ("", *asked.extras):
            key = (canonicalize_name(asked.name), extra)
            if key in found:
                continue
            found.add(key)
            for text in distribution(asked.name).requires or []:
                needed = Requirement(text)
                if needed.marker is None or needed.marker.evaluate(MACHINE | {"extra": extra}):
                    queue.append(needed)
    return {name for name, _ in found}


def locked() -> dict[str, tuple[str, str]]:
    """Of each locked package its name as written and its version, by its plain name."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").split()
    pairs = [line.split("==") for line in lines]
    return {canonicalize_name(name): (name, version) for name, version in pairs}


def groups() -> dict[str, list[str]]:
    """Plain names by what first needs them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {"run": project["dependencies"]} | project["optional-dependencies"]
    seen: set[str] = set()
    sorted_in: dict[str, list[str]] = {}
    for group in TITLES:
        names = closure(wanted[group]) - seen
        seen |= names
        sorted_in[group] = sorted(names)
    return sorted_in


def page() -> str:
    """The page, from what is locked and installed."""
    versions = locked()
    parts = [HEAD]
    for group, names in groups().items():
        if names:
            rows = [
                f"| {versions[name][0]} | {versions[name][1]} | {licence(distribution(name))} |"
                for name in names
            ]
            head = f"\n## {TITLES[group]}\n\n| package | version | licence |\n|---|---|---|\n"
            parts.append(head + "\n".join(rows) + "\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(re.sub(r"[ \t]+\n", "\n", page()), encoding="utf-8")
    print(f"wrote {PAGE.name}")
