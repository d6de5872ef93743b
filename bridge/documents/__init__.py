"""From text to plain data with marks, and mistakes told at their place."""
