"""What is done: plain functions over rows, one module per stage."""
