"""What a paper takes of a sweep: figures with captions, tables in Markdown and CSV; ``files.printed`` joins them."""
