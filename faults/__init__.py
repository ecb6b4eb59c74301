"""Faults on purpose: runs are killed, files damaged, disks filled; docs/reliability.md has the figures."""
