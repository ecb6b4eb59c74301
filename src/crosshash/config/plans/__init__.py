"""What each stage needs to know, one checked value per stage: the only settings a stage reads."""
