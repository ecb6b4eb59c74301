"""How work is run: processes, threads, cores, locks, progress."""
