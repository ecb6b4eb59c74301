"""A trained model at work: on disk, on a device, over all items, cut to the delivered bits."""
