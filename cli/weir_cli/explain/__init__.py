"""`weir explain`: the decision for one request, made by the gateway's code in this process."""
