"""Where events come from, and where applications hand them over."""
