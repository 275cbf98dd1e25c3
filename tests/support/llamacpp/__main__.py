"""The server as a program: `python -m support.llamacpp MODEL [--embeddings]`.

Prints `ready URL` on stdout and serves until its stdin is closed, so that it never outlives the
test that started it.
"""

import sys

import xllamacpp

CONTEXT = 8192  # tokens, shared by the slots
SLOTS = 4


def main(model: str, *flags: str) -> None:
    """Serve `model` on a port of the system's choice."""
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {"llama-noise"}
    params.n_ctx = CONTEXT
    params.n_parallel = SLOTS
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.warmup = False
    params.cpuparams.n_threads = 1
    params.n_threads_http = SLOTS
    params.sampling.seed = 1
    if "--embeddings" in flags:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = xllamacpp.Server(params)
    print(f"ready {server.listening_address}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
