"""Which way up is a line? A classifier and the transforms that make its samples."""
