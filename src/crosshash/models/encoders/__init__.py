"""Encoders of pictures, captions and vectors, by name; the only place of open_clip and timm."""
