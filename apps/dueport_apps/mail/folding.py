"""Works out, once, everything in a template that no recipient can change.

The dealer's name, the palette and the language are known when a template is compiled, and so is
most of what the shared parts (buttons, panels, the footer) write. A campaign renders the same
template ten thousand times; what is left for each of them is to fill in the values.

Three rewrites of the syntax tree, each of which leaves the meaning alone: a platform name becomes
its value; a branch that can never be taken goes; an include or a macro that does nothing but
write is put in place of its call. Anything else stays as it is and runs as usual.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

from jinja2 import Environment, TemplateAssertionError, nodes
from jinja2.visitor import NodeTransformer

Source = Callable[[str], nodes.Template | None]
"""Finds and parses a template; None where there is none."""

_DEPTH_MAX: Final = 4
_HTML: Final = ".html.j2"


def fold(
    tree: nodes.Template,
    name: str,
    environment: Environment,
    constants: Mapping[str, Any],
    source: Source,
    depth: int = 0,
) -> nodes.Template:
    """Return the tree with all constants worked out.

    Raises TemplateAssertionError where a template assigns to a name of the platform's (half of
    the mail would show the one value and half the other), and where an HTML template takes in
    one that is not HTML, whose values would arrive there unescaped.
    """
    _refuse_assignments(tree, name, constants)
    if name.endswith(_HTML):
        _refuse_what_is_not_html(tree, name)
    folded = _Folding(name, environment, constants, source, depth)
    return cast(nodes.Template, _merged(folded.visit(tree)))


class _Folding(NodeTransformer):
    def __init__(
        self,
        name: str,
        environment: Environment,
        constants: Mapping[str, Any],
        source: Source,
        depth: int,
    ) -> None:
        self._name = name
        self._environment = environment
        self._constants = constants
        self._source = source
        self._depth = depth
        self._context = nodes.EvalContext(environment, name)
        self._macros: dict[str, nodes.Macro] = {}

    def visit_Template(self, node: nodes.Template) -> nodes.Node:
        bound = Counter(_bound_names(node))
        for each in node.body:
            if isinstance(each, nodes.FromImport):
                self._collect_macros(each, bound)
        self.generic_visit(node)
        self._drop_unused_imports(node)
        return node

    def visit_Name(self, node: nodes.Name) -> nodes.Node:
        value = self._constants.get(node.name)
        if node.ctx == "load" and isinstance(value, str):
            return nodes.Const(value, lineno=node.lineno)
        return node

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:
        if isinstance(node.node, nodes.Name):
            owner = self._constants.get(node.node.name)
            if isinstance(owner, dict) and node.attr in owner:
                return nodes.Const(owner[node.attr], lineno=node.lineno)
        return self.generic_visit(node)

    def visit_If(self, node: nodes.If) -> nodes.Node | list[nodes.Node]:
        if node.elif_:
            # ``elif`` is an ``if`` in the other branch; so each is judged by itself.
            first, *others = node.elif_
            rest = nodes.If(first.test, first.body, others, node.else_, lineno=first.lineno)
            node = nodes.If(node.test, node.body, [], [rest], lineno=node.lineno)
        self.generic_visit(node)
        # A block can be asked for by name from elsewhere, so it must stay.
        if next(node.find_all(nodes.Block), None) is not None:
            return node
        return _taken_branch(node, self._context)

    def visit_Include(self, node: nodes.Include) -> nodes.Node | list[nodes.Node]:
        self.generic_visit(node)
        if not isinstance(node.template, nodes.Const) or not node.with_context:
            return node
        included = self._part(node.template.value)
        if included is None or not all(isinstance(each, nodes.Output) for each in included.body):
            return node
        return [each.set_lineno(node.lineno, override=True) for each in included.body]

    def visit_Output(self, node: nodes.Output) -> nodes.Node:
        self.generic_visit(node)
        children: list[nodes.Expr] = []
        for child in node.nodes:
            written = self._written_by_macro(child)
            children += [child] if written is None else written
        node.nodes = children
        return node

    def _collect_macros(self, imported: nodes.FromImport, bound: Counter[str]) -> None:
        if not isinstance(imported.template, nodes.Const) or imported.with_context:
            return
        part = self._part(imported.template.value)
        if part is None:
            return
        found = {each.name: each for each in part.body if isinstance(each, nodes.Macro)}
        for names in imported.names:
            theirs, ours = (names, names) if isinstance(names, str) else names
            # A name that means something else further down is left to the engine.
            if theirs in found and bound[ours] == 1:
                self._macros[ours] = found[theirs]

    def _part(self, name: object) -> nodes.Template | None:
        """The folded tree of another template of the same kind, which escapes in the same way."""
        if not isinstance(name, str) or self._depth >= _DEPTH_MAX:
            return None
        if name.endswith(_HTML) != self._name.endswith(_HTML):
            return None
        tree = self._source(name)
        if tree is None:
            return None
        return fold(tree, name, self._environment, self._constants, self._source, self._depth + 1)

    def _written_by_macro(self, call: nodes.Expr) -> list[nodes.Expr] | None:
        """What a call of a macro writes, where the macro writes and does nothing else."""
        if not isinstance(call, nodes.Call) or not isinstance(call.node, nodes.Name):
            return None
        macro = self._macros.get(call.node.name)
        arguments = _arguments(macro, call) if macro else None
        if macro is None or arguments is None:
            return None
        written: list[nodes.Expr] = []
        for each in macro.body:
            filled = _Filling(arguments, self._context).visit(_copied(each))
            for part in filled if isinstance(filled, list) else [filled]:
                if not isinstance(part, nodes.Output):
                    return None
                written += part.nodes
        own = {name.name for name in macro.find_all(nodes.Name)} - arguments.keys()
        if own:
            return None
        for child in written:
            child.set_lineno(call.lineno, override=True)
        return written

    def _drop_unused_imports(self, tree: nodes.Template) -> None:
        used = {name.name for name in tree.find_all(nodes.Name)}
        kept: list[nodes.Node] = []
        for node in tree.body:
            if isinstance(node, nodes.FromImport):
                node.names = [each for each in node.names if _local(each) in used]
                if not node.names:
                    continue
            kept.append(node)
        tree.body = kept


class _Filling(NodeTransformer):
    """Puts a call's arguments into a macro's body and takes the branches that they decide."""

    def __init__(self, arguments: dict[str, nodes.Expr], context: nodes.EvalContext) -> None:
        self._arguments = arguments
        self._context = context

    def visit_Name(self, node: nodes.Name) -> nodes.Node:
        argument = self._arguments.get(node.name)
        return node if argument is None else _copied(argument)

    def visit_If(self, node: nodes.If) -> nodes.Node | list[nodes.Node]:
        self.generic_visit(node)
        return _taken_branch(node, self._context)


def _taken_branch(node: nodes.If, context: nodes.EvalContext) -> nodes.Node | list[nodes.Node]:
    """The branch of an ``if`` (without ``elif``) whose test is known, else the whole of it."""
    assert isinstance(node.test, nodes.Expr)
    try:
        is_true = bool(node.test.as_const(context))
    except nodes.Impossible:
        return node
    return node.body if is_true else node.else_


def _arguments(macro: nodes.Macro, call: nodes.Call) -> dict[str, nodes.Expr] | None:
    """The arguments of a plain call by name; None for one that the engine has to sort out."""
    names = [each.name for each in macro.args]
    keywords = {each.key: each.value for each in call.kwargs}
    if call.dyn_args or call.dyn_kwargs or len(call.args) > len(names):
        return None
    given = dict(zip(names, call.args, strict=False))
    if keywords.keys() & given.keys() or keywords.keys() - set(names):
        return None
    optional = dict(zip(reversed(names), reversed(macro.defaults), strict=False))
    arguments = {**optional, **given, **keywords}
    return arguments if arguments.keys() == set(names) else None


def _copied(node: nodes.Node) -> nodes.Node:
    """A tree of its own; the engine that the nodes refer to stays the one that it is."""
    copy = type(node)(*(_copied_field(value) for _, value in node.iter_fields()))
    for attribute in node.attributes:
        setattr(copy, attribute, getattr(node, attribute, None))
    return copy


def _copied_field(value: Any) -> Any:
    if isinstance(value, nodes.Node):
        return _copied(value)
    return [_copied_field(each) for each in value] if isinstance(value, list) else value


def _merged(node: nodes.Node) -> nodes.Node:
    """Join neighbouring outputs, so that their constant texts become one."""
    for field, value in node.iter_fields():
        if not isinstance(value, list) or not all(isinstance(each, nodes.Node) for each in value):
            continue
        joined: list[nodes.Node] = []
        for each in value:
            _merged(each)
            last = joined[-1] if joined else None
            if isinstance(each, nodes.Output) and isinstance(last, nodes.Output):
                last.nodes = [*last.nodes, *each.nodes]
            else:
                joined.append(each)
        setattr(node, field, joined)
    return node


def _bound_names(tree: nodes.Template) -> Iterator[str]:
    """Every name that the template itself gives a meaning, as often as it does."""
    for node in tree.find_all((nodes.Name, nodes.Import, nodes.FromImport, nodes.Macro)):
        yield from _names_bound_by(node)


def _names_bound_by(node: nodes.Node) -> list[str]:
    match node:
        case nodes.Name() if node.ctx != "load":
            return [node.name]
        case nodes.Import():
            return [node.target]
        case nodes.FromImport():
            return [_local(each) for each in node.names]
        case nodes.Macro():
            return [node.name]
        case _:
            return []


def _refuse_assignments(tree: nodes.Template, name: str, constants: Mapping[str, Any]) -> None:
    for node in tree.find_all((nodes.Name, nodes.Import, nodes.FromImport, nodes.Macro)):
        for reserved in constants.keys() & _names_bound_by(node):
            raise TemplateAssertionError(
                f"{reserved} is a name of the platform's; choose another", node.lineno, name
            )


def _refuse_what_is_not_html(tree: nodes.Template, name: str) -> None:
    """The engine escapes by the name of the file that a value is written in, so a text file's
    macro would hand raw markup to the HTML file that calls it."""
    taken_in = (nodes.Import, nodes.FromImport, nodes.Include, nodes.Extends)
    for node in tree.find_all(taken_in):
        assert isinstance(node, taken_in)
        named = node.template
        if not (
            isinstance(named, nodes.Const)
            and isinstance(named.value, str)
            and named.value.endswith(_HTML)
        ):
            raise TemplateAssertionError(
                f"an HTML part takes in files by their name, and only {_HTML} files",
                node.lineno,
                name,
            )


def _local(names: str | tuple[str, str]) -> str:
    return names if isinstance(names, str) else names[1]
