# What the tests use of xllamacpp, which ships no types.
from typing import ClassVar

class CommonParamsModel:
    path: str

class CommonParamsSampling:
    seed: int

class CpuParams:
    n_threads: int

class llama_pooling_type:  # noqa: N801 - the library's own name
    LLAMA_POOLING_TYPE_MEAN: ClassVar[llama_pooling_type]

class CommonParams:
    model: CommonParamsModel
    model_alias: set[str]
    n_ctx: int
    n_parallel: int
    hostnames: list[str]
    port: int
    warmup: bool
    cpuparams: CpuParams
    n_threads_http: int
    sampling: CommonParamsSampling
    embedding: bool
    pooling_type: llama_pooling_type

class Server:
    def __init__(self, common_params: CommonParams) -> None: ...
    @property
    def listening_address(self) -> str: ...
