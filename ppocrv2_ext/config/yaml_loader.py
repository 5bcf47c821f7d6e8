"""The YAML that a config may be: plain data, and an error with file and line for anything else."""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from ..errors import UserError, shorten

STANDARD = "tag:yaml.org,2002:"  # what the tags of YAML itself begin with
MERGE, TIMESTAMP = f"{STANDARD}merge", f"{STANDARD}timestamp"
REFUSED_TAGS = ("binary", "timestamp", "omap", "pairs", "set")  # no config needs them, and not all can be written back
# The largest config of PaddleOCR has 500 values. These limits end what would take hours or all memory.
MOST_VALUES = 50_000  # with every alias in full: ten lines of aliases can stand for billions of values
DEEPEST = 50  # levels of nesting
LARGEST = 2**63 - 1  # of whole numbers: PaddleOCR and Paddle count in 64 bits
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")  # no path, name or label has one of these


class _Loader(yaml.SafeLoader):
    """SafeLoader for configs. Everything it refuses is a UserError with the line.

    * It yields text, finite numbers, booleans, null, lists and mappings, nothing else. Keys are text.
    * ``1e-4`` is a number and ``2026-11-27`` is text, as users mean them.
    * Of a key given twice the last value counts, as for PaddleOCR. A warning says so if the values differ.
    * Aliases that hold themselves, or stand for more than :data:`MOST_VALUES` values, are refused.
    """

    def __init__(self, text: str, source: str):
        super().__init__(text)
        self.name = source
        self.warnings: list[str] = []
        self.depth = 0  # of the node that is being composed
        self.flattened: set[int] = set()  # ids of the mappings into which `<<` was merged

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node:
        """The node that begins here."""
        if self.depth > DEEPEST:
            mark = self.peek_event().start_mark
            raise UserError(
                f"{mark.name}:{mark.line + 1}: sections are nested deeper than {DEEPEST} levels; use fewer."
            )
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def get_single_data(self) -> Any:
        """The value of the only document; None if there is none."""
        node = self.get_single_node()
        if node is None:
            return None
        if count_values(node) > MOST_VALUES:
            raise UserError(f"{self.name}: its aliases stand for more than {MOST_VALUES} values; write them out.")
        return self.construct_document(node)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """The value of a node."""
        try:
            value = super().construct_object(node, deep=deep)
        except (UserError, yaml.YAMLError):
            raise
        except Exception:  # the constructors of PyYAML fail in many ways on what a tag or a number says
            kind = node.tag.rpartition(":")[2]
            raise UserError(f"{_place(node)}: {shorten(node.value)} cannot be read as {kind}; correct it.") from None
        problem = _find_problem(value)
        if problem:
            raise UserError(f"{_place(node)}: {problem}")
        return value

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put what ``<<`` merges among the keys of a mapping, after a look at its own keys.

        A mapping with an anchor comes here for each alias; after the first time, its keys are no longer its own.
        """
        if id(node) not in self.flattened:
            self.flattened.add(id(node))
            self._check_keys(node)
            super().flatten_mapping(node)

    def _check_keys(self, node: yaml.MappingNode) -> None:
        given: dict[str, list[tuple[yaml.Node, yaml.Node]]] = {}
        for key_node, value_node in node.value:
            if key_node.tag == MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise UserError(f"{_place(key_node)}: the key {shorten(key)} must be text; put it in quotes.")
            given.setdefault(key, []).append((key_node, value_node))
        for key, pairs in given.items():
            if len(pairs) > 1:
                self._compare_values(key, pairs)

    def _compare_values(self, key: str, pairs: list[tuple[yaml.Node, yaml.Node]]) -> None:
        """Say which value of a key that is given more than once counts, if they differ."""
        values = [self.construct_object(value_node, deep=True) for _, value_node in pairs]
        if len(set(map(repr, values))) > 1:
            *others, last = (str(key_node.start_mark.line + 1) for key_node, _ in pairs)
            self.warnings.append(
                f"{_place(pairs[-1][0])}: key {key!r} is given on line {', '.join(others)} and on line {last}; the last"
                f" value counts, as for PaddleOCR: {shorten(values[-1])}."
            )


def _place(node: yaml.Node) -> str:
    """``file:line`` of a node."""
    return f"{node.start_mark.name}:{node.start_mark.line + 1}"


def _find_problem(value: Any) -> str | None:
    """What keeps one value, without those inside it, out of a config; None if nothing does."""
    if isinstance(value, bool) or value is None or isinstance(value, (list, dict)):
        return None
    if isinstance(value, str):
        control = CONTROL.search(value)
        return control and f"the text {shorten(value)} holds the character U+{ord(control[0]):04X}; delete it."
    if isinstance(value, int):
        return None if abs(value) <= LARGEST else "a whole number of more than 64 bits cannot be used."
    return None if math.isfinite(value) else f"{value} is not a finite number."


def count_values(root: yaml.Node) -> int:
    """How many values a document has if every alias is written out.

    Raises:
        UserError: an alias stands inside what it refers to.
    """
    counts: dict[int, int] = {}
    inside: set[int] = set()

    def count(node: yaml.Node) -> int:
        if id(node) in counts:
            return counts[id(node)]
        if id(node) in inside:
            raise UserError(f"{_place(node)}: an alias refers to the value that it stands in; write the value out.")
        inside.add(id(node))
        parts = node.value if isinstance(node, yaml.CollectionNode) else ()
        children = [child for part in parts for child in (part if isinstance(part, tuple) else (part,))]
        counts[id(node)] = 1 + sum(count(child) for child in children)
        inside.remove(id(node))
        return counts[id(node)]

    return count(root)


def _construct_mapping(loader: _Loader, node: yaml.MappingNode) -> dict:
    if not isinstance(node, yaml.MappingNode):
        raise UserError(f"{_place(node)}: this must be a mapping of `key: value`.")
    return loader.construct_mapping(node, deep=True)


def _refuse_tag(loader: _Loader, node: yaml.Node) -> Any:
    kind = node.tag[len(STANDARD) :]
    raise UserError(f"{_place(node)}: a config holds text, numbers, lists and mappings, no value of the kind {kind}.")


_Loader.add_constructor(f"{STANDARD}map", _construct_mapping)
for _kind in REFUSED_TAGS:
    _Loader.add_constructor(f"{STANDARD}{_kind}", _refuse_tag)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    f"{STANDARD}float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def parse(text: str, source: str) -> tuple[Any, list[str]]:
    """(value, warnings) of a YAML document. A warning says that a key is given twice, and which value counts.

    Args:
        source: what messages call it, such as its path.
    Raises:
        UserError: it is no YAML, or holds what :class:`_Loader` refuses. The message names the line.
    """
    try:
        stream = _Loader(text, source)
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        wrong = f"the character U+{error.character:04X}, which YAML does not allow"
        raise UserError(f"{source}:{line} holds {wrong}; delete it.") from None
    try:
        return stream.get_single_data(), stream.warnings
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        if isinstance(error, yaml.constructor.ConstructorError):
            raise UserError(f"{source}:{line}: {error.problem}; a config is data and may not run code.") from None
        raise UserError(f"{source}:{line}: this is not YAML: {error.problem}.") from None
    except (ValueError, OverflowError) as error:  # the scanner fails on escapes such as "\UFFFFFFFF"
        raise UserError(f"{source}:{stream.line + 1}: this is not YAML: {error}.") from None
    finally:
        stream.dispose()
