"""Pairs of an easy and a hard prompt, written for training: the heads' prior of what is hard."""
