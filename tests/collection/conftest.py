"""The projects of the search tests, for collections beside them."""

from __future__ import annotations

from tests.search.conftest import changing, of_vectors, project, quantising

__all__ = ["changing", "of_vectors", "project", "quantising"]
