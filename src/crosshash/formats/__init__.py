"""Files of the field, read and written without any policy: .mat, features, lists, pixel rows."""
