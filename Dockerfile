# mk_lightning on the CPU; built in a checkout, it plays the demo unless another command stands after its name:
#   docker build -t mk-lightning .
#   docker run --rm --init -it -v "$PWD/runs:/work/runs" mk-lightning
FROM python:3.11-slim
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY mk_lightning mk_lightning
COPY configs configs
COPY checkpoints checkpoints
# The builds of this index have no CUDA, which is several GB.
RUN pip install --no-cache-dir -c constraints.txt --extra-index-url https://download.pytorch.org/whl/cpu .
WORKDIR /work
ENTRYPOINT ["mk-lightning"]
CMD ["fit", "-c", "dojo/finetune", "-m", "recommended", "-m", "short", "--run_dir", "runs/demo"]
