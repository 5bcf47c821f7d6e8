"""Text lines that are drawn by a program: what they say, what they look like, and the data sets made of them."""
