"""Networks that bring their weights along, in packages and folders: found and judged, none is loaded."""
