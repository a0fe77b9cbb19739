"""Properties are searched without a stopwatch: machines differ."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
