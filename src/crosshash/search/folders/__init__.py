"""What a search reads from disk: an index, the model that made it, pictures that a collection keeps."""
