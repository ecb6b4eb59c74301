"""Items of one's own beside those of a run: added, removed, searched with them."""
