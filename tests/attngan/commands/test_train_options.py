"""What --objective makes of a preset's training."""

from attngan.commands.train_options import with_objective
from attngan.losses import OBJECTIVES
from attngan.presets import preset


def test_wasserstein_alone_brings_a_penalty_of_its_own():
    _, training = preset("image-32")
    kept = {name: with_objective(training, name) for name in OBJECTIVES.keys() - {"wasserstein"}}
    for name, changed in kept.items():
        assert changed.objective == name
        assert (changed.penalty, changed.gamma) == (training.penalty, training.gamma)
    changed = with_objective(training, "wasserstein")
    assert (changed.penalty, changed.gamma, changed.penalty_every) == ("wgan-gp", (10.0, 10.0), 1)
