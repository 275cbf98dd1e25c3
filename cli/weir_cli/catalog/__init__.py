"""`weir catalog`: the price catalog that ModelBackends name models of."""
