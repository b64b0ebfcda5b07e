"""Articles in, bundle out. Knows Markdown and front matter; knows nothing of Flask or SQL."""
