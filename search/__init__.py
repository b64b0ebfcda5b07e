"""The engine: text in, ranked articles out. Knows nothing of Markdown, Flask, SQL or the environment."""
