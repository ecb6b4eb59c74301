"""Sets of codes in files, of this project and of other code bases."""
