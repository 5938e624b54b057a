"""The Plaid plugin passes the contract of every processor, on the real SDK and a real socket."""

from dueport_ports.testing.processor import ProcessorContract


class TestPlaidProcessor(ProcessorContract):
    """The `world` fixture is in this folder's conftest."""
