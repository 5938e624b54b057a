"""The simulated world: payment processors on their own wire protocol, with a clock one can move.

The vendors' own SDKs are the only clients. Nothing here is reachable from a deployment that holds
live keys: `SandboxSettings` refuses them.
"""
