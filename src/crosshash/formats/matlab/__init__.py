"""Files of MATLAB: versions 4, 5 to 7, and 7.3, which is HDF5; in one piece or piece by piece."""
