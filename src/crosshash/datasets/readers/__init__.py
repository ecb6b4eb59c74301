"""What several data sets are read by."""
