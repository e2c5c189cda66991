"""Many sentences: read, measured block by block in exact sums, on one machine or many; and the index of where a head does it most."""
