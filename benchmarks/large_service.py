from pathlib import Path


def serve(folder: Path, bits: int) -> str:
    return ""
