"""A project for somebody's own data: its files, what the data hold, which settings follow."""
