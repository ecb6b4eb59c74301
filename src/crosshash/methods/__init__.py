"""One file = one hashing method: its network heads, its loss, its codes."""
