"""Fault campaigns in directories: what is asked for, what is kept, tables and pictures."""
