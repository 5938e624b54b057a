"""How hard the properties are tried: quickly by default, thoroughly before a release.

``HYPOTHESIS_PROFILE=release`` runs ten thousand examples of each. There is no deadline per
example: a busy machine must not fail a rule about money.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("quick", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "release",
    deadline=None,
    max_examples=10_000,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
