"""params.yaml as checked values, presets, and the plan of each stage that follows from them."""
