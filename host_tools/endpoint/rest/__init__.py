"""Plotly's REST dialects, as its clients speak them: v1 is one form that makes a plot, v2 is files, grids and plots as JSON."""
