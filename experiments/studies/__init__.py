"""Studies whose results the documentation quotes; anyone can run them again."""
