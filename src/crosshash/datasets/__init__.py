"""One file = one data set: its raw files, and the items read from them."""
