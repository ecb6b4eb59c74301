"""The second stage of a search: candidates ordered anew by quantised vectors, and its scores."""
