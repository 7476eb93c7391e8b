"""What type checkers see of the public names."""

from __future__ import annotations

import ast
from pathlib import Path

import opendicke as od

SOURCE = Path(od.__file__)


def test_every_public_name_is_exported_to_type_checkers() -> None:
    """`from opendicke.room import name as name`: in strict mode nothing else counts as public."""
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    (block,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
    )
    exported = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            assert alias.asname == alias.name, f"write `{alias.name} as {alias.name}`"
            exported[alias.name] = str(node.module).removeprefix("opendicke.")
    assert exported == od._HOME
    assert sorted(od.__all__) == sorted([*exported, "__version__"])
