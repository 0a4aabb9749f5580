# soar on the CPU: the embedded model, searches, training. Not built yet, see docs/releasing.md.
FROM python:3.11-slim

RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/soar
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY soar soar
COPY prompts prompts
RUN pip install --no-cache-dir --constraint constraints.txt torch --index-url https://download.pytorch.org/whl/cpu \
    && pip install --no-cache-dir --constraint constraints.txt '.[train]'

# An ordinary user: the sandbox then needs user namespaces for all of its layers; `soar doctor` says what is left.
RUN useradd --create-home soar && mkdir /data && chown soar /data
USER soar
WORKDIR /data
CMD ["soar", "doctor"]
