"""The public API of the plugin kit changes on purpose only: API.txt is compared, name by name.

After a wanted change write it anew with ``python -m tests.repo.test_public_api``.
"""

import enum
import inspect
from pathlib import Path

import msgspec

import dueport_ports

API = Path(__file__).resolve().parents[2] / "ports" / "API.txt"


def described() -> str:
    """Return every public name with its fields, members, methods or signature."""
    lines = [f"contract {dueport_ports.CONTRACT_VERSION}", ""]
    for name in dueport_ports.__all__:
        value = getattr(dueport_ports, name)
        lines += [name, *(f"    {line}" for line in _members(value))]
    return "\n".join(lines) + "\n"


def _members(value: object) -> list[str]:
    if isinstance(value, type) and issubclass(value, enum.Enum):
        return [f"{member.name} = {member.value!r}" for member in value]
    if isinstance(value, type) and issubclass(value, msgspec.Struct):
        return [
            f"{field.name}{'' if field.required else ' (optional)'}"
            for field in msgspec.structs.fields(value)
        ]
    if inspect.isclass(value):
        return [
            f"{name}({', '.join(inspect.signature(method).parameters)})"
            for name, method in sorted(vars(value).items())
            if inspect.isfunction(method) and not name.startswith("_")
        ]
    if inspect.isfunction(value):
        return [f"({', '.join(inspect.signature(value).parameters)})"]
    return []


def test_the_public_api_is_what_api_txt_says() -> None:
    assert described() == API.read_text(encoding="utf-8")


if __name__ == "__main__":
    API.write_text(described(), encoding="utf-8")
