# Classification, with the versions of requirements/constraints.txt. PyPI's builds of
# PyTorch include CUDA; the host needs only the driver.
#   docker build -t mmgala .
#   docker run --rm --gpus all --ipc=host -v "$PWD":/work mmgala train CONFIG
# Without a GPU, a much smaller image: the CPU builds have versions such as
# 2.11.0+cpu, which pip prefers.
#   docker build -t mmgala:cpu --build-arg INDEX=https://download.pytorch.org/whl/cpu .
#   docker run --rm --ipc=host -v "$PWD":/work mmgala:cpu train CONFIG
# --ipc=host: the workers of data loaders share memory.
FROM python:3.11-slim

ARG INDEX=https://pypi.org/simple
ENV PIP_EXTRA_INDEX_URL=$INDEX \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/mmgala
COPY requirements requirements
RUN pip install -r requirements/classification.txt
RUN pip install --no-deps -r requirements/mmcv-lite.txt

COPY pyproject.toml setup.py model-index.yml README.md LICENSE ./
COPY configs configs
COPY tools tools
COPY mmgala mmgala
RUN pip install --no-deps . && mmgala doctor

RUN useradd --create-home user
USER user
WORKDIR /work
ENTRYPOINT ["mmgala"]
