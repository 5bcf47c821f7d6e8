"""CTC with center loss: the loss, the head that holds the centers, and class means to start from."""
