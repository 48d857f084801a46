# The gateway alone: no TensorFlow, about 200 MB.
FROM python:3.11-slim
WORKDIR /app
COPY serving/deploy/gateway-requirements.txt constraints.txt ./
RUN pip install --no-cache-dir --constraint constraints.txt --requirement gateway-requirements.txt
COPY setup.py README.md ./
COPY tfrec tfrec
COPY components components
COPY serving serving
RUN pip install --no-cache-dir --no-deps . \
    && useradd --system --uid 999 --create-home --home-dir /var/lib/tfrec tfrec
USER tfrec
VOLUME /var/lib/tfrec
EXPOSE 8080
ENTRYPOINT ["tfrec", "gateway"]
CMD ["serve", "--config", "/etc/tfrec/gateway.yaml"]
