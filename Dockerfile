# Two images from one file: `docker build --target cpu .` and `docker build --target cuda .`
# The model is inside; nothing is downloaded when a container starts. Data lives in the volume /data.

ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS wheel
WORKDIR /source
COPY pyproject.toml README.md ./
COPY vision ./vision
COPY indexes ./indexes
COPY service ./service
COPY training ./training
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:${PYTHON_VERSION}-slim AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    BRANDWARDEN_HOST=0.0.0.0 \
    BRANDWARDEN_PORT=8000 \
    BRANDWARDEN_DATA_DIR=/data
RUN useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin brandwarden \
    && install --directory --owner=brandwarden --group=brandwarden --mode=0750 /data
COPY --from=wheel /wheels /wheels

FROM base AS cuda
# The default wheels of torch for Linux carry CUDA; the host brings the driver (nvidia-container-toolkit).
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    BRANDWARDEN_DEVICE=auto
RUN python -m pip install "$(ls /wheels/brandwarden-*.whl)[s3]" && rm -r /wheels
USER brandwarden
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["brandwarden"]
CMD ["serve"]

# Last, so that it is what `docker build .` makes.
FROM base AS cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV BRANDWARDEN_DEVICE=cpu
RUN python -m pip install --index-url "${TORCH_INDEX}" torch torchvision \
    && python -m pip install "$(ls /wheels/brandwarden-*.whl)[s3]" && rm -r /wheels
USER brandwarden
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["brandwarden"]
CMD ["serve"]
