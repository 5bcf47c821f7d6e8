"""What a file of the package imports, read from its source."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "ppocrv2_ext"


def list_imports(path, for_hints=True):
    """Yield the full name of each module or object that a file imports, anywhere in it, relative names resolved.

    Args:
        for_hints: list the imports in ``if TYPE_CHECKING:`` too. They never run.
    """
    folder = [PACKAGE.name, *path.relative_to(PACKAGE).parent.parts]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    hints = {child for block in blocks for node in block.body for child in ast.walk(node)}
    for node in ast.walk(tree):
        if node in hints and not for_hints:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = folder[: len(folder) + 1 - node.level] if node.level else []
            module = [*above, *filter(None, [node.module])]
            yield from (".".join([*module, alias.name]) for alias in node.names)
