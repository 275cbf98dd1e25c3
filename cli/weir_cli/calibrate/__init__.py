"""`weir calibrate`: a threshold that keeps a share, a retention or a budget."""
