"""Settings that every test shares."""

from hypothesis import settings

# No deadlines: a test machine that is busy must not fail a test. Derandomised, so that a failure repeats.
settings.register_profile("attngan", deadline=None, derandomize=True)
settings.load_profile("attngan")
