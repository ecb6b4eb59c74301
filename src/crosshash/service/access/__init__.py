"""Who is let in: the token, origins of other pages, the path behind a proxy; and the log of who came."""
