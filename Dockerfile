# mk_lightning on the CPU; built in a checkout, it plays the demo unless another command stands after its name:
#   docker build -t mk-lightning .
#   docker run --rm --init -it -v "$PWD/runs:/home/runs" mk-lightning
FROM python:3.11-slim
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY mk_lightning mk_lightning
COPY configs configs
COPY checkpoints checkpoints
# --build-arg PIP_EXTRA_INDEX_URL=... with PyTorch's index of CPU builds leaves CUDA out, which is several GB.
ARG PIP_EXTRA_INDEX_URL
RUN pip install --no-cache-dir -c constraints.txt .
WORKDIR /home
ENTRYPOINT ["mk-lightning"]
CMD ["fit", "-c", "dojo/finetune", "-m", "recommended", "-m", "short", "--run_dir", "runs/demo"]
