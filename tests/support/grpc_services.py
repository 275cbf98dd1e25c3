"""gRPC's standard services as a neighbour calls them: health and reflection, typed."""

from grpc import aio
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

Watch = aio.UnaryStreamCall[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse]


async def health(channel: aio.Channel, service: str, timeout: float) -> int:  # noqa: ASYNC109 - the call's own deadline
    """The health of `service`; "" is the whole server's."""
    check: aio.UnaryUnaryMultiCallable[
        health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
    ] = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    answer = await check(health_pb2.HealthCheckRequest(service=service), timeout=timeout)
    return answer.status


def watch_health(channel: aio.Channel, service: str, timeout: float) -> Watch:
    """The health of `service` and each change of it."""
    watch: aio.UnaryStreamMultiCallable[
        health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
    ] = channel.unary_stream(
        "/grpc.health.v1.Health/Watch",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    return watch(health_pb2.HealthCheckRequest(service=service), timeout=timeout)


async def next_health(watching: Watch) -> int:
    """The next status that a watch tells."""
    answer = await watching.read()
    assert isinstance(answer, health_pb2.HealthCheckResponse)
    return answer.status


async def services(channel: aio.Channel, timeout: float) -> set[str]:  # noqa: ASYNC109 - the call's own deadline
    """The names that reflection lists."""
    reflect: aio.StreamStreamMultiCallable[
        reflection_pb2.ServerReflectionRequest, reflection_pb2.ServerReflectionResponse
    ] = channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    call = reflect(timeout=timeout)
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    answer = await call.read()
    await call.done_writing()
    assert isinstance(answer, reflection_pb2.ServerReflectionResponse)
    return {service.name for service in answer.list_services_response.service}
