# margind as a container: compiled JavaScript, its production packages, a user without rights, and nothing to write to but the
# volume. Needs no other option than its configuration and its secrets:
#
#   docker build -t margind .
#   docker run -d --name margind --restart=unless-stopped --read-only --cap-drop=ALL --security-opt=no-new-privileges \
#     -v ./margind.yaml:/etc/margind/margind.yaml:ro -v margind-state:/var/lib/margind --env-file margind.env margind
#
# margind.yaml says stateDir: /var/lib/margind, and takes secrets from ${NAME} or from ${file:/run/secrets/name}.
# On Kubernetes: runAsUser and fsGroup 1000, readOnlyRootFilesystem, one replica, strategy Recreate.

FROM node:24.21.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No install scripts, here and below: the only package that has one brings a Node of its own, and the image is one.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && chmod 0755 dist/main.js

FROM node:24.21.0-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM node:24.21.0-bookworm-slim
LABEL org.opencontainers.image.title="margind" \
      org.opencontainers.image.description="Watches Binance margin accounts and alerts before they are liquidated." \
      org.opencontainers.image.licenses="MIT"
# MALLOC_TRIM_THRESHOLD_: glibc gives freed memory back to the machine early.
ENV NODE_ENV=production \
    MALLOC_TRIM_THRESHOLD_=65536 \
    MARGIND_CONFIG=/etc/margind/margind.yaml
WORKDIR /app
# Package managers have no business in a running container. The state folder must belong to the user before it is a volume.
RUN rm -rf /usr/local/lib/node_modules /opt/yarn-* \
      /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg \
 && install -d -o 1000 -g 1000 -m 0700 /var/lib/margind \
 && install -d -m 0755 /etc/margind \
 && ln -s /app/dist/main.js /usr/local/bin/margind
COPY package.json config.example.yaml LICENSE ./
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# By number, so that an orchestrator can see that it is not root. It is the image's user `node`.
USER 1000:1000
VOLUME /var/lib/margind
STOPSIGNAL SIGTERM
# Healthy: somebody watches, sees, and can tell. Right after the start nothing was seen yet.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["margind", "status"]
# Exec form: margind itself is process 1 and gets the signals. `docker exec margind margind status` works as well.
ENTRYPOINT ["margind"]
CMD ["run"]
