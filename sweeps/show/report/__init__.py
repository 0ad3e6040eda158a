"""The report: one HTML file that needs nothing else. A file a section, a template each; ``page.render`` joins them."""
