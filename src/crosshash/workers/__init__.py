"""How work is run: units of it and their engines, processes, threads, cores, locks, progress."""
