"""The folder's README tells the truth."""

import re
from pathlib import Path

CORE = Path(__file__).resolve().parents[2] / "core"
README = (CORE / "README.md").read_text()


def test_the_module_map_names_every_module_once() -> None:
    named = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)
    modules = {path.stem for path in (CORE / "dueport_core").glob("*.py")} - {"__init__"}
    assert sorted(named) == sorted(modules)


def test_the_reading_order_never_uses_what_comes_later() -> None:
    named = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)
    for index, module in enumerate(named):
        source = (CORE / "dueport_core" / f"{module}.py").read_text()
        used = set(re.findall(r"^from dueport_core\.(\w+) import", source, re.MULTILINE))
        assert used <= set(named[:index]), f"{module} comes before what it uses"


def test_the_snippet_runs() -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    seen: dict[str, object] = {}
    exec(snippet, seen)
    assert "quote" in seen
