"""Self-written easy and hard prompts: a prior for what a person finds hard at first sight.

Data only: `pairs/*.jsonl` holds pairs of an easy and a hard prompt, one JSON object a line, and
`filler/*.txt` holds passages to put around a question. README.md is their card. Training reads
them; no test may measure a router on them.
"""
