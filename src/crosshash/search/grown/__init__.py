"""An index and the changes that its files do not have yet: read as if they had."""
