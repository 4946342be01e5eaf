"""Rotation: keys and fields made anew while everybody works."""
