"""Whether evolving for resilience makes networks that are smaller and harder to kill."""
