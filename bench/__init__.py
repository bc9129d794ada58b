"""Measures the function side by side with what one would write by hand."""
