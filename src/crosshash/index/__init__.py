"""Search indexes over hash codes: exact, approximate, saved, grown, filtered; the only place of FAISS."""
