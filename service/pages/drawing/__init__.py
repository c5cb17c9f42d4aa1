"""Draws figures as SVG, in a process of its own: the only place that knows the plotting library."""
