"""The conformance kit: contract suites that plugins subclass, and fakes that pass them.

A plugin's test module subclasses a contract and supplies a `world` fixture; pytest does the rest.
The kit needs pytest and pytest-asyncio in its `auto` mode.
"""
