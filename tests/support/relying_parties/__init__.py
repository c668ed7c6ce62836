"""Portals written with libraries of others, each told to reach the provider rightly or wrongly."""
