"""The commands of `crosshash`, one file each; heavy libraries are imported where a command runs."""
