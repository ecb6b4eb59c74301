"""The repository with experiments, for tests of commands that read it."""

from tests.experiments.conftest import experiments

__all__ = ["experiments"]
