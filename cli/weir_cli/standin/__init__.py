"""The stand-in: a server shaped like OpenAI's and Anthropic's that is no model at all.

Its answers are a pure function of the prompt, its books tell what it was asked, its faults come
at the rate they were ordered. Must not know the gateway or anything else of Weir's.
"""
