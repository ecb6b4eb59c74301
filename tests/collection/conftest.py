"""The projects of the search tests, for collections beside them."""

from __future__ import annotations

from tests.search.conftest import of_vectors, project, quantising

__all__ = ["of_vectors", "project", "quantising"]
