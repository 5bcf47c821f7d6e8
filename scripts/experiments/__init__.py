"""The experiments behind the numbers in the documents. They are in a clone of the repository and are not installed."""
