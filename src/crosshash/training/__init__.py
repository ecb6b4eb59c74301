"""The training of a network: inputs, loop, rates, checkpoints, choice of the epoch."""
