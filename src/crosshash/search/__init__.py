"""A trained model with its index: a question is encoded, items are found and shown; crosshash from Python."""

from crosshash.search.asked import Asked
from crosshash.search.decoding import BadPicture
from crosshash.search.encoder import Encoded
from crosshash.search.hasher import Hasher, load
from crosshash.search.items import Hit, Item
from crosshash.search.searcher import Searcher

__all__ = ["Asked", "BadPicture", "Encoded", "Hasher", "Hit", "Item", "Searcher", "load"]
