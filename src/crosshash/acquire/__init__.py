"""Getting raw files: addresses, transfers, checksums, archives, receipts."""
