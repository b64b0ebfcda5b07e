"""The search engine: query in, ranked articles out. Independent of Markdown, Flask and SQL."""
