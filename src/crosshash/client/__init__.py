"""A client of the search service in Python, of the standard library alone.

    service = Client("http://127.0.0.1:8000/")
    for hit in service.search("a red circle", top=5).hits:
        print(hit.distance, hit.id)

Safe for several threads: each request has a connection of its own.
"""

from crosshash.client.answers import Added, Card, Found, Hit, Item, Refused
from crosshash.client.client import Client

__all__ = ["Added", "Card", "Client", "Found", "Hit", "Item", "Refused"]
