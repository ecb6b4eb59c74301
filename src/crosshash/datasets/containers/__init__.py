"""Files that hold many items each, tar and parquet: which of them, and what lies in them."""
