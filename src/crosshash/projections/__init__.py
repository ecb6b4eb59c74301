"""Linear projections in closed form, and rotations of what they give: numpy alone."""
