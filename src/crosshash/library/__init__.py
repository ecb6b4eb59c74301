"""crosshash from Python: a trained model that encodes, searches, and shows what it found."""

from crosshash.library.decoding import BadPicture
from crosshash.library.encoder import Encoded
from crosshash.library.hasher import Hasher, load
from crosshash.library.items import Hit, Item
from crosshash.library.searcher import Searcher

__all__ = ["BadPicture", "Encoded", "Hasher", "Hit", "Item", "Searcher", "load"]
