"""A deployment with everything real but the outside: ERP, processor and mail server are the fakes
that also pass the plugins' contract suites."""

from pathlib import Path

from tests.world import World


def open_world(url: str, folder: Path, port: int = 8400) -> World:
    """Return a deployment on a database; background work is asked of the real queue."""
    world = World(url, folder, web={"base_url": f"http://127.0.0.1:{port}"})
    world.container.uow.reset_last_overriding()
    return world
