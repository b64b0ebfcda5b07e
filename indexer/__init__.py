"""Turns a folder of Markdown articles into a bundle that the search engine and the site read."""
