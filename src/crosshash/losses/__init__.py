"""Terms that the losses of several methods share."""
